from __future__ import annotations

import pytest
import torch

from metaadapter.errors import DataError
from metaadapter.training.run_folder import Checkpoint, load_checkpoint


def test_checkpoint__saved_and_loaded__is_bit_for_bit_the_same(tmp_path):
    tensors = {
        "model": {"a.weight": torch.randn(3, 4), "a/b": torch.tensor(float("nan"))},
        "generators": {"episodes": torch.Generator().get_state()},
        "empty": {},
    }
    values = {"step": 7, "best_score": 0.1 + 0.2, "nothing": None}

    Checkpoint(tensors, values).save(tmp_path / "checkpoint.json")
    loaded = load_checkpoint(tmp_path / "checkpoint.json")

    assert loaded.values == values
    assert {group: list(members) for group, members in loaded.tensors.items()} == {
        "model": ["a.weight", "a/b"],
        "generators": ["episodes"],
        "empty": [],
    }
    torch.testing.assert_close(loaded.tensors, tensors, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", ["checkpoint.json", "checkpoint.safetensors"])
def test_load_checkpoint__damaged_or_missing_file__says_what_to_do(tmp_path, name):
    Checkpoint({"network": {"a": torch.ones(9)}}, {}).save(tmp_path / "checkpoint.json")
    content = bytearray((tmp_path / name).read_bytes())
    content[-3] ^= 1
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=rf"{name} is damaged or was changed.*give --resume a run"):
        load_checkpoint(tmp_path / "checkpoint.json")
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=rf"{name}.*give --resume a run folder"):
        load_checkpoint(tmp_path / "checkpoint.json")
