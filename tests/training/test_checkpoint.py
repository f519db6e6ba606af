from __future__ import annotations

import pytest
import torch

from metaadapter.errors import DataError
from metaadapter.training.run_folder import Checkpoint, load_checkpoint


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
