"""Runs that start from a generator, and what they learn from pools."""

from __future__ import annotations

import json
import shutil

import pytest
import torch

from metaadapter.errors import DataError, UsageError
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train
from metaadapter.training.trainer import Trainer
from metaadapter.training.training_data import load_training_data

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
pool_kept = 0.1
pool_halves = 0.1

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


@pytest.mark.slow
def test_train__from_a_generator__resumed__ends_with_the_same_weights(first_run, write, tmp_path):
    path = write(first_run / "best")
    steps = []

    def run(folder, **options):
        return train(folder, load_config(path), config_text=path.read_text(), **options)

    whole = run(tmp_path / "whole")
    run(
        tmp_path / "stopped",
        tell=lambda moment: steps.append(moment.step),
        should_stop=lambda: steps[-1] == 2,
    )
    resumed = train(tmp_path / "stopped", load_config(path))

    assert resumed.generator == whole.generator


def test_validator__of_a_run_on_pools__judges_with_pools(first_run, write):
    config = load_config(write(first_run / "best"))
    data = load_training_data(config)
    generator = load_generator(first_run / "best")
    with torch.no_grad():
        generator.pool.final_classes.bias[1] = 1.0  # the same for all classes: no answer changes
        generator.pool.final_task.bias[1] = 1.0

    with_pools = data.validator(config, "cpu")
    without = data.validator(
        load_config(
            write(first_run / "best"),
            ["loss.pool=0", "loss.query=1", "loss.pool_kept=0", "loss.pool_halves=0"],
        ),
        "cpu",
    )

    plain = load_generator(first_run / "best")
    assert with_pools(generator, 0).loss != with_pools(plain, 0).loss
    assert without(generator, 0).loss == without(plain, 0).loss


def test_trainer__start_that_is_no_generator_of_this_network__is_reported(write):
    path = write("nowhere")
    config = load_config(path)
    data = load_training_data(config)

    with pytest.raises(UsageError, match="no generator"):
        Trainer(
            config, data.mixture(config, "cpu"), data.validator(config, "cpu"), torch.device("cpu")
        )


def test_train__without_a_picture_left_for_any_pool__ends_with_what_to_do(write, tmp_path):
    path = write("default")
    text = (
        path.read_text()
        .replace("n_classes = 10", "n_classes = 4")
        .replace("n_shot = [1, 3]", "n_shot = [37, 37]")
    )
    text = text.replace("steps = 4", "steps = 40").replace('start = "default"', "")
    text += "\n[pools]\ncopies = 0.0\n"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(DataError, match="no task had a picture left for a pool"):
        train(tmp_path / "run", load_config(path), config_text=text)


@pytest.mark.parametrize(
    ("start", "more", "message"),
    [
        *(
            (start, "", "expected start as 'default' or a folder")
            for start in ("closed-form", "", "mine.py:Generator")
        ),
        ("default", "\n[network]\nwidth = 16\n", "leave out `generator` and `network`"),
    ],
)
def test_load_config__start_that_cannot_be__is_refused(write, start, more, message):
    path = write(start)
    path.write_text(path.read_text() + more, encoding="utf-8")

    with pytest.raises(DataError, match=message):
        load_config(path)


def test_train__from_a_generator_without_a_record_of_its_data__is_refused(
    first_run, write, tmp_path
):
    (first_run / "summary.json").unlink()
    path = write(first_run / "best")

    with pytest.raises(DataError, match="no record of the data that this generator was trained on"):
        train(tmp_path / "second", load_config(path), config_text=path.read_text())
