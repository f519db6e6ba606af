"""Adapters with a learned prompt, through the commands that make and take them."""

from __future__ import annotations

from functools import partial

import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.labs.tuning import tuning_step


@pytest.fixture
def steps(monkeypatch):
    """Says how many steps `--prompt` takes, whatever left-out classes say."""

    def take(number):
        settings = partial(tuning_step.SoftPrompt, n_steps=number)
        monkeypatch.setattr(tuning_step, "SoftPrompt", settings)

    return take


def test_adapt__prompt__is_told_and_kept(adapt, labelled, tmp_path, steps):
    steps(2)

    done = adapt(labelled, "--prompt", 3, "--json")

    assert done.code == 0, done.err
    prompt = done.document["prompt"]
    assert prompt["context"] == {"n_context": 3, "n_steps": 2}
    assert prompt["n_trained"] == 3 * 16
    assert prompt["left_out"] is None
    assert done.document["leave_one_out"] is not None
    stored = load_adapter(tmp_path / "adapter")
    assert stored.config.prompt.n_context == 3
    assert stored.towers["prompt/context"].shape == (3, 16)
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert "3 context vectors before the names of classes without a picture" in card
