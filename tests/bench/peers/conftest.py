from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.bench.peers.by_name import PEERS, POOL_PEERS
from metaadapter.bench.peers.descent import descend
from metaadapter.bench.peers.meta_trained import META_PEERS, MetaPeer

SCALE = 17.0
BESIDE_A_POOL = [f"{name} beside a pool" for name in POOL_PEERS]


def random_support(n_shots_per_class, width=12, seed=0, n_tasks=1):
    """Tasks alike in their shot counts; each place without a picture is filled with rubbish."""
    draw = torch.Generator().manual_seed(seed)
    counts_N = torch.tensor(n_shots_per_class)
    n_way, n_shot = len(counts_N), max(n_shots_per_class)

    def randn(*shape):
        return torch.randn(n_tasks, n_way, *shape, generator=draw, dtype=torch.float64)

    directions_TND = randn(width)
    support_TNKD = normalize(directions_TND[:, :, None] + randn(n_shot, width), dim=-1)
    mask_TNK = (torch.arange(n_shot) < counts_N[:, None]).expand(n_tasks, -1, -1)
    return Support.of_tasks(
        torch.where(mask_TNK[..., None], support_TNKD, 5.0),
        normalize(directions_TND + randn(width), dim=-1),
        mask_TNK,
        logit_scale=SCALE,
    )


def with_a_pool(support, n_pool=9, seed=5):
    """The support with a pool of each task, all alike and drawn about nothing."""
    draw = torch.Generator().manual_seed(seed)
    width = support.text_TND.shape[-1]
    pool_UD = torch.randn(n_pool, width, generator=draw, dtype=torch.float64)
    pool_TUD = normalize(pool_UD, dim=-1).to(support.text_TND).expand(support.n_tasks, -1, -1)
    return replace(support, pool_TUD=pool_TUD, pool_mask_TU=torch.ones_like(pool_TUD[..., 0] > 0))


def rows_and_labels(support):
    """The pictures of a batch of one task without its padding, picked one by one."""
    rows, labels = [], []
    for c, shots in enumerate(support.support_TNKD[0]):
        for k, shot in enumerate(shots):
            if support.support_mask_TNK[0, c, k]:
                rows.append(shot)
                labels.append(c)
    return torch.stack(rows), torch.tensor(labels)


def random_meta_peer(name, width=12, seed=0):
    """A meta-trained peer with weights drawn at random, small enough to leave it useful."""
    draw = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64) / width**0.5

    if name == "Meta-Adapter":
        learned = {
            "query_DD": 3 * randn(width, width),
            "key_DD": 3 * randn(width, width),
            "gate_D": randn(width),
            "gate_bias": torch.tensor(1.0),
        }
    elif name == "MetaQDA":
        learned = {
            "mean_D": randn(width),
            "whiten_DD": torch.eye(width) + 0.5 * randn(width, width),
            "log_kappa": torch.tensor(0.5).log(),
            "log_freedom": torch.tensor(12.0).log(),
            "log_temperature": torch.tensor(2.0).log(),
        }
    else:
        learned = {
            "down_RD": randn(5, width),
            "up_DR": 0.3 * randn(width, 5),
            "log_rate": torch.tensor(20.0).log(),
        }
    return MetaPeer(name, width, frozenset({"dots"}), learned)


@pytest.fixture(scope="session")
def make_support():
    return random_support


@pytest.fixture(scope="session")
def make_meta_peer():
    return random_meta_peer


@pytest.fixture(scope="session")
def add_pool():
    return with_a_pool


@pytest.fixture(scope="session", params=[*PEERS, *POOL_PEERS, *BESIDE_A_POOL, *META_PEERS])
def peer(request, make_meta_peer, add_pool):
    """Each of them; those that learn on training tasks with weights drawn at random."""
    if request.param in BESIDE_A_POOL:
        bare = POOL_PEERS[request.param.removesuffix(" beside a pool")]
        return lambda support: bare(add_pool(support))
    known = {**PEERS, **POOL_PEERS}
    return known.get(request.param) or make_meta_peer(request.param)


@pytest.fixture
def pictures_of():
    return rows_and_labels


@pytest.fixture
def scale():
    return SCALE


@pytest.fixture
def query():
    draw = torch.Generator().manual_seed(99)
    return normalize(torch.randn(1, 7, 12, generator=draw, dtype=torch.float64), dim=-1)


@pytest.fixture(scope="module")
def few_steps():
    """Few gradient steps: invariances hold after any number of them, and usefulness does not."""

    def twenty(loss_T, optimizer, n_steps, **options):
        descend(loss_T, optimizer, min(20, n_steps), **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["metaadapter.bench.peers.lp_plus_plus"], "N_STEPS", 20)
        for name in ("descent", "tip_adapter"):
            patch.setattr(sys.modules[f"metaadapter.bench.peers.{name}"], "descend", twenty)
        yield
