from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks import limits, run
from benchmarks.limits import LINES, Line

LINE = Line("ours", "tasks_s", "tasks/s", None, 0.5, "peer_tasks_s")
STORED = Path(run.__file__).with_name("stored.json")
ALONE = Line("ours", "wait_s", "s", 2.0)


@pytest.fixture
def measure(monkeypatch, tmp_path, capsys):
    """Runs a bench of one row with these figures, and of rows that cannot run."""
    monkeypatch.setattr(limits, "LINES", (LINE, ALONE))
    rows = {"ours": "bench_ours", "lacking": "a_package_that_is_missing", "broken": "bench_broken"}
    monkeypatch.setattr(run, "ROWS", rows)
    module, broken = ModuleType("bench_ours"), ModuleType("bench_broken")
    monkeypatch.setitem(sys.modules, "bench_ours", module)
    monkeypatch.setitem(sys.modules, "bench_broken", broken)
    broken.measure = lambda: 1 / 0

    def measure(*arguments, only=("ours", "lacking"), machine=None, **figures):
        module.measure = lambda: figures
        if machine:
            monkeypatch.setattr(run, "describe_machine", lambda: {"processor": machine})
        out = tmp_path / "bench.json"
        code = run.main(["--only", *only, "--out", str(out), *map(str, arguments)])
        return code, json.loads(out.read_text()), capsys.readouterr().out

    return measure


GOOD = {"tasks_s": 80.0, "peer_tasks_s": 100.0, "wait_s": 1.0}


def test_run__figures__are_judged_against_peer_and_limit(measure):
    code, document, table = measure(**GOOD)

    of_peer, alone = document["lines"]
    assert (of_peer["value"], of_peer["limit"], of_peer["holds"]) == (0.8, "≥ 0.5 × peer", True)
    assert (alone["value"], alone["limit"], alone["holds"]) == (1.0, "≤ 2 s", True)
    assert (code, document["rows"]) == (0, {"ours": GOOD})
    assert "processor" in table
    assert "tasks_s (tasks/s) against peer_tasks_s" in table
    assert "MISSED" not in table
    assert measure(**GOOD | {"tasks_s": 40.0})[2].count("MISSED") == 1


def test_run__against_an_earlier_run__names_what_is_worse(measure, tmp_path):
    _, before, _ = measure(machine="one", **GOOD)
    stored = tmp_path / "stored.json"
    stored.write_text(json.dumps(before))

    assert measure("--against", stored, machine="one", **GOOD)[0] == 0
    slower = measure("--against", stored, machine="one", **GOOD | {"tasks_s": 55.0})
    assert slower[0] == 1
    assert "WORSE" in slower[2]
    assert measure("--against", stored, machine="one", **GOOD | {"wait_s": 1.5})[0] == 1
    # Half the speed of the machine halves both figures of a line with a peer.
    elsewhere = {"tasks_s": 40.0, "peer_tasks_s": 50.0, "wait_s": 1.9}
    other = measure("--against", stored, machine="other", **elsewhere)
    assert other[0] == 0
    assert "another machine" in other[2]


def test_lines__rows_of_the_stored_run__have_all_figures_and_peers():
    rows = json.loads(STORED.read_text("utf-8"))["rows"]
    lines = [line for line in LINES if line.row in rows]

    assert lines
    for line in lines:
        assert {line.figure, line.peer} - {""} <= rows[line.row].keys()
