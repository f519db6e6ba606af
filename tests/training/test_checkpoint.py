from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.training.checkpoint import (
    SCHEMA,
    Checkpoint,
    load_checkpoint,
)


def test_checkpoint__saved_and_loaded__is_bit_for_bit_the_same(tmp_path):
    tensors = {
        "model": {"a.weight": torch.randn(3, 4), "a/b": torch.tensor(float("nan"))},
        "generators": {"episodes": torch.Generator().get_state()},
        "empty": {},
    }
    values = {"step": 7, "best_score": 0.1 + 0.2, "nothing": None}

    Checkpoint(tensors, values).save(tmp_path / "checkpoint.safetensors")
    loaded = load_checkpoint(tmp_path / "checkpoint.safetensors")

    assert loaded.values == values
    assert {group: list(members) for group, members in loaded.tensors.items()} == {
        "model": ["a.weight", "a/b"],
        "generators": ["episodes"],
        "empty": [],
    }
    torch.testing.assert_close(loaded.tensors, tensors, rtol=0, atol=0, equal_nan=True)


def test_load_checkpoint__that_is_none__says_what_to_do(tmp_path):
    (tmp_path / "damaged").write_bytes(b"no tensors")
    save_file({"a": torch.ones(1)}, tmp_path / "weights")
    text = json.dumps({"schema": SCHEMA, "groups": ["network"]})
    save_file({"other/a": torch.ones(1)}, tmp_path / "c", metadata={"metaadapter": text})

    for name, error, message in (
        ("missing", DataError, "give --resume a run folder with a whole checkpoint"),
        ("damaged", DataError, "cannot read the checkpoint .*damaged"),
        ("weights", IncompatibleArtifact, "not a training checkpoint of this version"),
        ("c", DataError, "checkpoint .*c is damaged or was changed: it lacks its SHA"),
    ):
        with pytest.raises(error, match=message):
            load_checkpoint(tmp_path / name)
