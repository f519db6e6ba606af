from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from rich.progress import Progress
from scipy import stats

from metaadapter.training.config_file import load_config
from tools.ablation import Row, differences, markdown, read_rows, train_row
from tools.ablation_evaluations import Evaluation

CONFIGS = Path(__file__).parents[2] / "configs" / "train" / "ablation"
TINY = """\
[[data.sources]]
name = "gaussians"
synthetic = { n_classes = 8, width = 16 }

[episodes]
n_way = [2, 4]
n_shot = [1, 3]
n_query = 2

[optim]
steps = 2
tasks_per_draw = 2
"""


def tasks(seed, n_tasks=12):
    generator = np.random.default_rng(seed)
    return {k: generator.uniform(40, 80, n_tasks).tolist() for k in (1, 2, 4)}


@pytest.fixture
def silent():
    with Progress(disable=True) as progress:
        yield progress


def test_differences__one_evaluation__has_the_paired_interval_of_scipy():
    accuracy, base = {"set": tasks(0)}, {"set": tasks(1)}

    (difference,), mean = differences(accuracy, base, ["set"])

    ours, theirs = (np.mean(list(table["set"].values()), 0) for table in (accuracy, base))
    expected = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert (difference.mean - difference.half, difference.mean + difference.half) == pytest.approx(
        tuple(expected)
    )
    assert (mean.mean, mean.half) == pytest.approx((difference.mean, difference.half))


def test_markdown__rows__are_differences_from_the_mean_of_the_seeds():
    measured = {
        "base": (Row("base", "As it is"), {"set": {1: [50.0, 60.0]}}),
        "seed": (Row("seed", "Again", ("seed=1",)), {"set": {1: [52.0, 60.0]}}),
        "more": (Row("more", "More", ("optim.lr=0.1",)), {"set": {1: [53.0, 61.0]}}),
    }

    table = markdown(measured, [Evaluation("set", False, None, None, (1,))])

    assert "| Base, mean of 2 seeds, accuracy in % | 55.5 ± " in table
    assert [line.split(" ± ")[0] for line in table.splitlines()[-3:]] == [
        "| As it is | -0.50",
        "| Again | +0.50",
        "| More | +1.50",
    ]


def test_train_row__twice__trains_once(tmp_path, silent):
    (tmp_path / "base.toml").write_text(TINY, encoding="utf-8")
    row = Row("lr", "Another rate", ("optim.lr=0.01",))
    train_row(row, tmp_path, tmp_path, tmp_path / "run", silent)
    log = (tmp_path / "run" / "log.jsonl").read_bytes()

    train_row(row, tmp_path, tmp_path, tmp_path / "run", silent)

    assert (tmp_path / "run" / "log.jsonl").read_bytes() == log
    assert load_config_of(tmp_path / "run")["optim"]["lr"] == 0.01
    assert (tmp_path / "run" / "best").is_dir()


def load_config_of(run):
    return json.loads((run / "resolved.json").read_text(encoding="utf-8"))


def test_rows__sources_left_out__are_those_that_the_row_says():
    rows = {row.name: row for row in read_rows(CONFIGS / "rows.toml")}

    def left_out(name):
        config = load_config(CONFIGS / "base.toml", rows[name].overrides)
        return [source.name for source in config.data.sources if source.weight < 1e-6]

    base = [source.name for source in load_config(CONFIGS / "base.toml").data.sources]
    assert left_out("no-other-encoders") == [name for name in base if ": " in name]
    assert left_out("no-degraded") == [n for n in base if re.match("photographs, ", n)]
