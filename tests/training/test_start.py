"""Runs that start from a generator, and what they learn from pools."""

from __future__ import annotations

import json
import shutil

import pytest

from metaadapter.errors import DataError
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train

FROM_THERE = """\
start = "{start}"

[[data.sources]]
name = "other gaussians"
synthetic = {{ n_classes = 10, width = 16, seed = 7 }}

[[data.sources]]
name = "further gaussians"
synthetic = {{ n_classes = 10, width = 16, seed = 8 }}

[[data.validation_domains]]
name = "unseen gaussians"
synthetic = {{ n_classes = 6, width = 20, seed = 9 }}

[episodes]
n_way = [2, 4]
n_shot = [1, 3]
n_query = 3

[perturb]
pictureless = 0.3

[loss]
query = 0.0
pool = 1.0

[optim]
steps = 4
tasks_per_draw = 3
lr = 0.01

[validate]
every = 2
tasks = 2
shots = [1, 2]
"""


@pytest.fixture
def first_run(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "first")


@pytest.fixture
def write(tmp_path):
    def written(start):
        path = tmp_path / "pool.toml"
        path.write_text(FROM_THERE.format(start=start), encoding="utf-8")
        return path

    return written


@pytest.mark.slow
def test_train__from_a_generator__changes_its_pools_alone_and_records_what_both_saw(
    first_run, write, tmp_path
):
    path = write(first_run / "best")

    train(tmp_path / "second", load_config(path), config_text=path.read_text())

    before, after = (
        load_generator(folder / "best").state_dict() for folder in (first_run, tmp_path / "second")
    )
    changed = {name for name, tensor in after.items() if not tensor.equal(before[name])}
    assert changed == {name for name in after if name.startswith("pool.")}
    data = json.loads((tmp_path / "second" / "summary.json").read_text())["data"]
    names = {part: [source["name"] for source in sources] for part, sources in data.items()}
    assert names == {
        "training": ["other gaussians", "further gaussians", "gaussians", "wider gaussians"],
        "validation_classes": ["other gaussians"],
        "validation_domains": ["unseen gaussians", "far gaussians"],
    }


def test_load_config__start_and_another_network__is_refused(write):
    path = write("default")
    path.write_text(path.read_text() + "\n[network]\nwidth = 16\n", encoding="utf-8")

    with pytest.raises(DataError, match="exclude one another; keep one"):
        load_config(path)
