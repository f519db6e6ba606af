from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


@pytest.mark.parametrize("shots", [(3, 1, 2), (1, 1, 1)])
def test_rla__matrix_trained_on_one_task__agrees(make_support, pictures_of, scale, query, shots):
    support = make_support(shots)
    rows, labels = pictures_of(support)
    text, identity = support.text_TND[0], torch.eye(12, dtype=torch.float64)
    matrix = torch.nn.Parameter(identity.clone())
    optimizer = torch.optim.Adam([matrix], lr=1e-3)
    for _ in range(100):
        optimizer.zero_grad()
        loss = cross_entropy(scale * normalize(rows @ matrix.T, dim=1) @ text.T, labels)
        anchor = torch.linalg.matrix_norm(matrix - identity) ** 2 / (sum(shots) / 3)
        (loss + anchor).backward()
        optimizer.step()

    result = classify(query, PEERS["RLA"](support))[0]

    wanted = scale * normalize(query[0] @ matrix.detach().T, dim=1) @ text.T
    torch.testing.assert_close(result, wanted)
