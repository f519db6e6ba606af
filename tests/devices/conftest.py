from __future__ import annotations

import pytest

TINY_RUN = """\
[[data.sources]]
name = "gaussians"
synthetic = { n_classes = 12, width = 16 }

[[data.validation_classes]]
name = "other gaussians"
synthetic = { n_classes = 6, width = 16, seed = 2 }

[episodes]
n_way = [2, 5]
n_shot = [1, 4]
n_query = 3

[network]
width = 16
n_layers = 1
n_heads = 2
bottleneck = 2

[optim]
steps = 3
tasks_per_draw = 3
draws_per_step = 2

[validate]
every = 3
tasks = 3
shots = [1, 4]
"""


@pytest.fixture
def tiny_run(tmp_path):
    """The file of a run of three small steps."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY_RUN, encoding="utf-8")
    return path
