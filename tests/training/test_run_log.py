from __future__ import annotations

import json

from metaadapter.training.run_folder import log_line, open_log


def test_run_log__each_step__is_a_line_and_infinite_figures_are_null():
    steps = [
        {"step": 1, "loss": {"query": 0.5}},
        {"step": 2, "loss": {"query": float("nan")}, "grad_norm": float("inf")},
    ]

    lines = b"".join(map(log_line, steps)).splitlines()

    assert [json.loads(line) for line in lines] == [
        {"step": 1, "loss": {"query": 0.5}},
        {"step": 2, "loss": {"query": None}, "grad_norm": None},
    ]


def test_run_log__opened_at_a_position__cuts_what_lies_beyond(tmp_path):
    with open_log(tmp_path / "log.jsonl", 0) as log:
        log.write(log_line({"step": 1}))
        position = log.tell()
        log.write(log_line({"step": 2}))

    with open_log(tmp_path / "log.jsonl", position) as again:
        again.write(log_line({"step": 3}))

    assert (tmp_path / "log.jsonl").read_text() == '{"step": 1}\n{"step": 3}\n'
