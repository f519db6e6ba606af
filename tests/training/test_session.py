from __future__ import annotations

import pytest
import torch

from metaadapter.generator import Generator, generator_id, load_generator
from metaadapter.generator.generator import GeneratorConfig
from metaadapter.training import session as session_module
from metaadapter.training.session import replace_generator

SHAPE = GeneratorConfig(width=16, n_layers=1, n_heads=2, bottleneck=2)


def make_generator(seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(SHAPE).eval()


def test_replace_generator__twice__leaves_the_second_and_nothing_else(tmp_path):
    for seed in (0, 1):
        replace_generator(make_generator(seed), tmp_path / "best")

    assert generator_id(load_generator(tmp_path / "best")) == generator_id(make_generator(1))
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    assert {path.name for path in (tmp_path / "best").iterdir()} == {
        *("config.json", "model.safetensors")
    }


@pytest.mark.parametrize("fails_at", range(3))
def test_replace_generator__cut_off_anywhere__leaves_the_old_or_the_new(
    tmp_path, monkeypatch, fails_at
):
    old, new = make_generator(0), make_generator(1)
    replace_generator(old, tmp_path / "best")
    calls = []

    def cut_off(original):
        def step(*arguments):
            calls.append(original)
            if len(calls) > fails_at:
                raise KeyboardInterrupt
            return original(*arguments)

        return step

    for name in ("save_generator", "replace_file"):
        monkeypatch.setattr(session_module, name, cut_off(getattr(session_module, name)))
    with pytest.raises(KeyboardInterrupt):
        replace_generator(new, tmp_path / "best")

    found = generator_id(load_generator(tmp_path / "best"))
    assert found == generator_id(new if fails_at == 2 else old)


def test_session__each_checkpoint__comes_after_the_logs_are_flushed(start, monkeypatch):
    events = []

    class Board:
        def __init__(self, *_arguments, **_options):
            pass

        def log_config(self, config):
            pass

        def log_metrics(self, step, _metrics):
            events.append(step)

        def flush(self):
            events.append("flush")

        def finish(self):
            events.append("finish")

    save = session_module.Checkpoint.save

    def note(checkpoint, path):
        events.append("save")
        save(checkpoint, path)

    monkeypatch.setattr(session_module, "TensorBoard", Board)
    monkeypatch.setattr("metaadapter.training.run.summary_writer", lambda: None)
    monkeypatch.setattr(session_module.Checkpoint, "save", note)

    start("run", "track.tensorboard=true", "optim.steps=4", "checkpoint.every=2")

    saved = ["flush", "save"]
    assert events == [0, 1, 2, *saved, 3, 4, *saved, "finish"]
