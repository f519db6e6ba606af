from __future__ import annotations

import json

from metaadapter.training.run_log import RunLog


def test_run_log__each_step__is_a_line_and_infinite_figures_are_null(tmp_path):
    log = RunLog(tmp_path / "log.jsonl")

    log.write(1, {"loss": {"query": 0.5}})
    log.write(2, {"loss": {"query": float("nan")}, "grad_norm": float("inf")})
    log.close()

    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 1, "loss": {"query": 0.5}},
        {"step": 2, "loss": {"query": None}, "grad_norm": None},
    ]


def test_run_log__opened_at_a_position__cuts_what_lies_beyond(tmp_path):
    log = RunLog(tmp_path / "log.jsonl")
    log.write(1, {})
    position = log.sync()
    log.write(2, {})
    log.close()

    again = RunLog(tmp_path / "log.jsonl", position)
    again.write(3, {})
    again.close()

    assert (tmp_path / "log.jsonl").read_text() == '{"step": 1}\n{"step": 3}\n'
