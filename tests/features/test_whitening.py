from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.errors import IncompatibleArtifact
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder
from metaadapter.features.whitening import WHITENING_FILE, read_whitening
from tools.whiten_blocks import SHRINKAGE, whitening_of_rows, write_whitening


def rows_of(n=400, width=6, seed=0):
    """Rows with a constant part and directions of very different variance."""
    draw = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=draw)
    return 3 + torch.randn(n, width, generator=draw) * torch.logspace(0, -2, width) @ mixing


def test_whitening__covariance_of_its_rows__is_the_identity_but_for_the_shrinkage():
    rows = rows_of()
    white = whitening_of_rows(rows)
    unit = normalize(rows, dim=1)

    result = torch.cov(((unit - white.centre) @ white.matrix).double().T, correction=0)

    variance = torch.linalg.eigvalsh(torch.cov(unit.double().T, correction=0)).clamp(min=0)
    expected = variance / (variance + SHRINKAGE * variance.mean())
    torch.testing.assert_close(
        torch.linalg.eigvalsh(result), expected.sort().values, rtol=1e-3, atol=1e-3
    )


def test_file__of_two_blocks__gives_them_back_within_half_precision(tmp_path):
    two = {"stages": whitening_of_rows(rows_of()), "trunk": whitening_of_rows(rows_of(width=4))}

    write_whitening(tmp_path, two)
    result = read_whitening(tmp_path)

    assert list(result) == ["stages", "trunk"]
    torch.testing.assert_close(
        result["stages"](rows_of(seed=2)), two["stages"](rows_of(seed=2)), rtol=0, atol=3e-3
    )


@pytest.mark.parametrize("content", [b"", b"no tensors", None])
def test_file__that_is_damaged__is_told(tmp_path, content):
    write_whitening(tmp_path, {"stages": whitening_of_rows(rows_of())})
    file = tmp_path / WHITENING_FILE
    file.write_bytes(file.read_bytes()[:-20] if content is None else content)

    with pytest.raises(IncompatibleArtifact, match=r"whitening\.safetensors is damaged"):
        read_whitening(tmp_path)


def test_encoder_folder__with_a_whitening__gives_whitened_stages_by_default(
    clip_folder, tmp_path, photos
):
    folder = tmp_path / "encoder"
    shutil.copytree(clip_folder, folder)
    plain = FrozenEncoder.load(str(folder), device="cpu", blocks=("joint", "stages"), zoom=False)
    assert not FrozenEncoder.load(str(folder), device="cpu").look_blocks
    stages = torch.from_numpy(plain.encode_images(photos)[:, plain.look_blocks["joint"] :])
    white = whitening_of_rows(stages)
    write_whitening(folder, {"stages": white})

    encoder = FrozenEncoder.load(str(folder), device="cpu", zoom=False)

    assert tuple(encoder.look_blocks) == ("joint", "stages")
    result = encoder.encode_images(photos)[:, encoder.look_blocks["joint"] :]
    length = 0.8 / np.hypot(1, 0.8)
    np.testing.assert_allclose(result, length * white(stages).numpy(), atol=0.02)
    plain.fingerprint.require_match(plain.fingerprint, owner="it")
    with pytest.raises(IncompatibleArtifact):
        plain.fingerprint.require_match(encoder.fingerprint, owner="it")
