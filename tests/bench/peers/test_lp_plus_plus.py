from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from metaadapter.adapter.weights import classify
from metaadapter.bench.peers.by_name import PEERS


@pytest.mark.parametrize("shots", [(3, 1, 2), (8, 8, 8)])
def test_lp_plus_plus__autograd_on_one_task__agrees(make_support, pictures_of, scale, query, shots):
    support = make_support(shots)
    rows, labels = pictures_of(support)
    text, n = support.text_TND[0], len(rows)
    classes = torch.stack([rows[labels == c].sum(0) for c in range(3)]).requires_grad_()
    bias = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    own = [float((rows[labels == c] @ text[c]).mean()) for c in range(3)]
    alpha = torch.full(
        (3,), 2.5 * scale * float(np.mean(own)), dtype=torch.float64, requires_grad=True
    )
    step = 4 * n / np.linalg.svd(rows.numpy())[1][0] ** 2
    text_step = n / (4 * max(float((rows @ t).square().sum()) for t in text))
    optimizer = torch.optim.SGD([classes, bias], lr=step, momentum=0.9)
    for i in range(300):
        optimizer.zero_grad()
        alpha.grad = None
        logits = rows @ classes.T + bias + alpha * (rows @ text.T)
        cross_entropy(logits, labels).backward()
        optimizer.step()
        if i % 10 == 9:
            alpha.data -= text_step * alpha.grad

    result = classify(query, PEERS["LP++"](support))[0]

    wanted = query[0] @ classes.T + bias + alpha * (query[0] @ text.T)
    torch.testing.assert_close(result, wanted.detach())
