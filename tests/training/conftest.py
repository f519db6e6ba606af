from __future__ import annotations

import pytest
import torch
from torch.nn.functional import normalize

from episodes import EpisodeBatch, Episodes
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train

TINY_RUN = """\
seed = 3

[[data.sources]]
name = "gaussians"
synthetic = { n_classes = 12, width = 16 }

[[data.sources]]
name = "wider gaussians"
weight = 0.5
n_shot = [1, 3]
synthetic = { n_classes = 8, width = 24, seed = 1 }

[[data.validation_classes]]
name = "other gaussians"
synthetic = { n_classes = 6, width = 16, seed = 2 }

[[data.validation_domains]]
name = "far gaussians"
synthetic = { n_classes = 6, width = 20, gap = 0.0, seed = 3 }

[episodes]
n_way = [2, 5]
n_shot = [1, 4]
n_query = 3

[network]
width = 16
n_layers = 1
n_heads = 2

[optim]
steps = 8
tasks_per_draw = 3
draws_per_step = 2
lr = 0.01
ema = 0.5

[validate]
every = 4
tasks = 3
shots = [1, 4]
"""


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """The folder of one such run that has ended, to be copied."""
    folder = tmp_path_factory.mktemp("trained")
    path = folder / "tiny.toml"
    path.write_text(TINY_RUN, encoding="utf-8")
    train(folder / "run", load_config(path), config_text=TINY_RUN, device="cpu")
    return folder / "run"


@pytest.fixture
def config_file(tmp_path):
    """A run of eight small steps on Gaussian classes."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY_RUN, encoding="utf-8")
    return path


@pytest.fixture
def load(config_file):
    """The tiny configuration with overrides."""
    return lambda *overrides: load_config(config_file, overrides)


@pytest.fixture
def start(tmp_path, config_file, load):
    """Starts a run of the tiny configuration: its folder, configuration and summary."""

    def new(name, *overrides, **options):
        config = load(*overrides)
        text = config_file.read_text(encoding="utf-8")
        summary = train(tmp_path / name, config, config_text=text, device="cpu", **options)
        return tmp_path / name, config, summary

    return new


@pytest.fixture
def make_episodes():
    """Three tasks of 4, 3 and 2 ways with masks of all kinds; what they leave out is no zero.

    The second task has no twin, the third no picture of another class and a class without a shot.
    """

    def make(width, blocks=()):
        draw = torch.Generator().manual_seed(2)

        def rows(*shape):
            numbers = torch.randn(3, *shape, width, generator=draw, dtype=torch.float64)
            return normalize(numbers, dim=-1)

        shots_TN = torch.tensor([[3, 1, 2, 3], [2, 2, 1, 0], [3, 0, 0, 0]])
        twins_TN = torch.tensor([[2, 1, 2, 2], [0, 0, 0, 0], [1, 1, 0, 0]])
        batch = EpisodeBatch(
            support_TNKD=rows(4, 3),
            support_mask_TNK=torch.arange(3) < shots_TN[..., None],
            query_TQD=rows(5),
            query_labels_TQ=torch.tensor([[0, 1, 2, 3, 3], [2, 1, 0, -1, -1], [1, -1, 0, -1, 0]]),
            text_TND=rows(4),
            class_mask_TN=torch.arange(4) < torch.tensor([[4], [3], [2]]),
        )
        return Episodes(
            batch=batch,
            twin_TNKD=rows(4, 2),
            twin_mask_TNK=torch.arange(2) < twins_TN[..., None],
            off_class_TOD=rows(3),
            off_class_mask_TO=torch.arange(3) < torch.tensor([[3], [1], [0]]),
            class_means_TND=rows(4),
            pool_TUD=rows(6),
            pool_mask_TU=torch.arange(6) < torch.tensor([[6], [4], [0]]),
            pool_labels_TU=torch.tensor([[0, 1, 2, 3, -1, 0], [2, 1, -1, 0, -1, -1], [-1] * 6]),
            logit_scale=20.0,
            source="birds",
            blocks=blocks,
        )

    return make
