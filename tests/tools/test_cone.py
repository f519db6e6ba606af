from __future__ import annotations

import pytest
import torch

from metaadapter.bench.evaluation.cones import IMAGE_SHARE, TEXT_SHARE
from tools.cone import bend


@pytest.fixture
def source(gaussians):
    return gaussians(20)


@pytest.mark.parametrize("cosine", [0.0, 0.25, 0.5])
def test_bend__offsets_taken_away__are_unit_rows_of_that_cosine(source, cosine):
    bent = bend(cosine, 2.0)(source)

    # Of a picture x' = (0.8 w x + o) / length: length and o by least squares over all pictures.
    offsets = []
    for share, before, after in (
        (IMAGE_SHARE, source.features_nVD[:, 0], bent.features_nVD[:, 0]),
        (TEXT_SHARE, source.text_CD, bent.text_CD),
    ):
        n_rows, width = before.shape
        # length_i · x'_i − o = 0.8 w x_i, in the unknowns (length_1 … length_n, o).
        system = torch.zeros(n_rows * width, n_rows + width, dtype=torch.float64)
        for i in range(n_rows):
            system[i * width : (i + 1) * width, i] = after[i].double()
            system[i * width : (i + 1) * width, n_rows:] = -torch.eye(width)
        wanted = (share * 2.0 * before).double().flatten()
        offsets.append(torch.linalg.lstsq(system, wanted).solution[n_rows:])
    image, text = offsets
    assert image.norm() == pytest.approx(1, abs=1e-4)
    assert text.norm() == pytest.approx(1, abs=1e-4)
    assert image @ text == pytest.approx(cosine, abs=1e-4)
