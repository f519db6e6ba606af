"""The scalars of pools against loops, and the network that reads them."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.generator.domain_shift import DomainShift
from metaadapter.generator.pool.pool_scalars import PoolMeans, PoolState, pool_scalars

N_TASKS, N_POOL, N_WAY, N_SHOT = 2, 5, 3, 2


@pytest.fixture
def state():
    """Two tasks; the second lacks a class, a picture of its pool and a shot."""
    draw = torch.Generator().manual_seed(4)

    def rand(*shape):
        return torch.rand(*shape, generator=draw, dtype=torch.float64)

    mask_TU = torch.tensor([[True] * 5, [True] * 4 + [False]])
    class_mask_TN = torch.tensor([[True] * 3, [True, True, False]])
    shot_mask_TNK = torch.tensor([[[True, True]] * 3, [[True, False], [True, True], [False] * 2]])

    def probabilities():
        logits = rand(N_TASKS, N_POOL, N_WAY).masked_fill(~class_mask_TN[:, None], -torch.inf)
        return logits.softmax(-1)

    return PoolState(
        means=PoolMeans(
            mean_TND=normalize(2 * rand(N_TASKS, N_WAY, 4) - 1, dim=-1),
            centre_TD=rand(N_TASKS, 4),
            usual_length_T=rand(N_TASKS),
            length_TU=1 + rand(N_TASKS, N_POOL),
            cosine_TUN=2 * rand(N_TASKS, N_POOL, N_WAY) - 1,
            shot_cosine_TXN=2 * rand(N_TASKS, N_WAY * N_SHOT, N_WAY) - 1,
        ),
        first_TUN=probabilities(),
        nearest_shot_TU=rand(N_TASKS, N_POOL),
        assigned_TUN=probabilities() * mask_TU[..., None],
        change_T=rand(N_TASKS),
        mask_TU=mask_TU,
        class_mask_TN=class_mask_TN,
        shot_mask_TNK=shot_mask_TNK,
        shift=DomainShift(
            across_TD=torch.tensor([[3.0, 0.0], [0.0, 0.0]]).double(),
            along_TD=torch.tensor([[0.0, 4.0], [0.0, 0.0]]).double(),
            ratio_T=torch.tensor([2.0, 1e6]).double(),
            evenness_T=torch.ones(2).double(),
            spread_T=torch.tensor([0.2, 1.0]).double(),
        ),
        fraction_done=0.5,
    )


def numbers(tensor):
    return tensor.tolist()


def test_pool_scalars__pictures_and_classes__are_those_of_loops(state):
    scalars, means = pool_scalars(state), state.means

    for task, n_way in enumerate((3, 2)):
        pictures = [u for u in range(N_POOL) if state.mask_TU[task, u]]
        cosine, first = numbers(state.means.cosine_TUN[task]), numbers(state.first_TUN[task])
        assigned, of_class = numbers(state.assigned_TUN[task]), means.mean_TND[task]
        for u in pictures:
            one, two = sorted(cosine[u][:n_way], reverse=True)[:2]
            p, q = sorted(first[u], reverse=True)[:2]
            nearest = max(range(n_way), key=lambda c, u=u: cosine[u][c])
            expected = [
                one,
                one - two,
                float(state.nearest_shot_TU[task, u]),
                p,
                p - q,
                -sum(x * math.log(x) for x in first[u] if x > 0) / math.log(n_way),
                float(first[u][nearest] == p),
                max(assigned[u]),
                float(state.means.length_TU[task, u]) - 1,
            ]
            assert numbers(scalars.pictures_TUP[task, u]) == pytest.approx(expected)
        for c in range(n_way):
            shots = [k for k in range(N_SHOT) if state.shot_mask_TNK[task, c, k]]
            shown = means.shot_cosine_TXN[task, c * N_SHOT :]
            taken = sum(assigned[u][c] for u in pictures)
            share = n_way / len(pictures)
            expected = [
                math.log(len(shots) + 0.3),
                math.log(taken + 0.3),
                math.log(taken * share + 0.03),
                math.log(sum(first[u][c] for u in pictures) * share + 0.03),
                taken / (taken + len(shots)),
                sum(float(shown[k, c]) for k in shots) / len(shots),
                sum(assigned[u][c] * cosine[u][c] for u in pictures) / taken,
                sum(assigned[u][c] * first[u][c] for u in pictures) / taken,
                max(float(of_class[c] @ of_class[o]) for o in range(n_way) if o != c),
                1.0,
            ]
            assert numbers(scalars.classes_TNC[task, c]) == pytest.approx(expected)
        own = numbers(scalars.task_TS[task])
        shares = [sum(assigned[u][c] for u in pictures) for c in range(n_way)]
        parts = [share / sum(shares) for share in shares]
        n_shot = float(state.shot_mask_TNK[task].sum()) / n_way
        expected = [
            math.log(n_way),
            math.log(n_shot + 0.3),
            math.log(len(pictures) / n_way + 0.1),
        ]
        assert own[:3] == pytest.approx(expected)
        entropy = -sum(part * math.log(part) for part in parts)
        assert own[4] == pytest.approx(math.exp(entropy) / n_way)
        assert own[5] == pytest.approx(min(parts) * n_way)
        ratio, spread, largest = [(2.0, 0.2, 2.0), (1e6, 1.0, 30.0)][task]
        other = 1 / (1 + (1.6 / ratio) ** 10) / (1 + (spread / 0.25) ** (1 / 0.15))
        assert own[9:11] == pytest.approx([math.log(largest), other])
    assert not scalars.pictures_TUP[1, 4].any()
    assert not scalars.classes_TNC[1, 2].any()


def test_pool_scalars__of_more_pictures_than_training_has__are_those_of_as_many(state):
    def repeated(n_times):
        def of_pictures(value, *names):
            return {name: getattr(value, name).repeat_interleave(n_times, 1) for name in names}

        names = ("first_TUN", "nearest_shot_TU", "assigned_TUN", "mask_TU")
        means = replace(state.means, **of_pictures(state.means, "cosine_TUN", "length_TU"))
        return replace(state, means=means, **of_pictures(state, *names))

    many, more = (pool_scalars(repeated(n_times)) for n_times in (600, 2400))

    torch.testing.assert_close(many.task_TS, more.task_TS, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(many.classes_TNC, more.classes_TNC, rtol=1e-3, atol=1e-3)
