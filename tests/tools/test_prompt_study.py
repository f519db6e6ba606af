from __future__ import annotations

from types import SimpleNamespace

import pytest

from metaadapter.data.strict_json import parse_json
from tools import prompt_study


@pytest.fixture
def study(monkeypatch, tmp_path):
    """A run of the study on stores that are never read; it returns the draws that it measures."""
    out, store = tmp_path / "run.jsonl", SimpleNamespace(encoder="tiny", classes=("a", "b", "c"))
    store.origin = SimpleNamespace(zoom=True, block_names=("joint",))
    figures = {"base": 50.0, "new": 40.0, "seconds": 1.0}
    measured = []

    def measure(task, _encoder):
        measured.append(task)
        return {prompt_study.REFERENCE: figures}

    monkeypatch.setattr(prompt_study.FeatureStore, "open", lambda _: store)
    monkeypatch.setattr(prompt_study.FrozenEncoder, "load", lambda *_, **__: None)
    monkeypatch.setattr(prompt_study, "_draw", lambda _, *facts: facts)
    monkeypatch.setattr(prompt_study, "_all", measure)

    def run(*more):
        measured.clear()
        given = ["prompt_study", "birds", "--out", str(out), "--shots", "4", "--draws", "2", *more]
        monkeypatch.setattr("sys.argv", given)
        prompt_study.main()
        return list(measured)

    return SimpleNamespace(run=run, store=store, out=out)


def test_draws__that_are_there__are_not_measured_again(study):
    assert study.run() == [(4, 0, 30), (4, 1, 30)]
    assert study.run() == []
    assert study.run("--draws", "3") == [(4, 2, 30)]


@pytest.mark.parametrize(
    ("changed", "more"),
    [({"encoder": "other"}, ()), ({"classes": ("a", "b")}, ()), ({}, ("--queries", "5"))],
)
def test_draws__of_another_encoder_number_of_classes_or_queries__are_measured(
    study, changed, more, capsys
):
    study.run()
    vars(study.store).update(changed)

    assert len(study.run(*more)) == 2
    assert study.run(*more) == []

    lines = [parse_json(line) for line in study.out.read_text().splitlines()]
    assert len({tuple(line[key] for key in prompt_study.KEY) for line in lines}) == 4
    # Their means are not those of one another.
    shown = capsys.readouterr().out
    assert ("birds (3) 44.4 birds (2) 44.4" in shown) == ("classes" in changed)
    assert ("4 shots, other, 30 queries" in shown) == ("encoder" in changed)
    assert ("4 shots, tiny, 5 queries" in shown) == bool(more)
