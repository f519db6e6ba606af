from __future__ import annotations

import json

from metaadapter.data.output_folder import open_after
from metaadapter.training.validation import Moment


def test_log_line__figures_that_are_not_finite__are_null():
    moment = Moment(2, None, {"query": float("nan")}, lr=0.1, grad_norm=float("inf"))

    line = moment.log_line(seconds=1.5)

    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "step": 2,
        "seconds": 1.5,
        "loss": {"query": None},
        "lr": 0.1,
        "grad_norm": None,
        "tasks_per_second": 0.0,
        "n_skipped": 0,
    }


def test_run_log__opened_at_a_position__cuts_what_lies_beyond(tmp_path):
    with open_after(tmp_path / "log.jsonl", 0) as log:
        log.write(b"first\n")
        position = log.tell()
        log.write(b"second\n")

    with open_after(tmp_path / "log.jsonl", position) as again:
        again.write(b"third\n")

    assert (tmp_path / "log.jsonl").read_bytes() == b"first\nthird\n"
