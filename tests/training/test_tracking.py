from __future__ import annotations

import json
import sys
import types

import pytest

from metaadapter.errors import MissingPackage
from metaadapter.training.tracking import JsonLines, TensorBoard


def test_json_lines__each_step__is_a_line_and_infinite_figures_are_null(tmp_path):
    log = JsonLines(tmp_path / "log.jsonl")

    log.log_metrics(1, {"loss": {"query": 0.5}})
    log.log_metrics(2, {"loss": {"query": float("nan")}, "grad_norm": float("inf")})
    log.finish()

    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 1, "loss": {"query": 0.5}},
        {"step": 2, "loss": {"query": None}, "grad_norm": None},
    ]


def test_json_lines__opened_at_a_position__cuts_what_lies_beyond(tmp_path):
    log = JsonLines(tmp_path / "log.jsonl")
    log.log_metrics(1, {})
    position = log.position
    log.log_metrics(2, {})
    log.finish()

    again = JsonLines(tmp_path / "log.jsonl", position=position)
    again.log_metrics(3, {})
    again.finish()

    assert (tmp_path / "log.jsonl").read_text() == '{"step": 1}\n{"step": 3}\n'


def test_tensorboard__not_installed__says_how_to_do_without(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)

    with pytest.raises(MissingPackage, match=r"install 'metaadapter\[track\]'.*tensorboard=false"):
        TensorBoard(tmp_path)


def test_tensorboard__nested_figures__become_scalars_named_by_their_place(tmp_path, monkeypatch):
    told = []

    class Writer:
        def __init__(self, folder, purge_step):
            told.append((folder, purge_step))

        def add_scalar(self, name, value, step):
            told.append((name, value, step))

        def flush(self):
            told.append("flushed")

        def close(self):
            told.append("closed")

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)

    board = TensorBoard(tmp_path, first_step=4)
    board.log_metrics(5, {"loss": {"query": 0.5}, "source": "emoji", "lr": 1})
    board.flush()
    board.finish()

    figures = [("loss/query", 0.5, 5), ("lr", 1.0, 5)]
    assert told == [(str(tmp_path), 4), *figures, "flushed", "closed"]
