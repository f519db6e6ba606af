"""The section on strangers has the numbers of the rows, on the page and in Markdown."""

from __future__ import annotations

import pandas as pd
import pytest
from scipy import stats

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.findings import find
from metaadapter.bench.run import evaluate

METHODS = ("closed-form", "closed-form@mcm", "GDA@msp", "GDA@energy")


@pytest.fixture(scope="module")
def run(store_in, tmp_path_factory):
    folder = tmp_path_factory.mktemp("strange")
    counts = dict.fromkeys("abcd", 8)
    pets = store_in(folder, "pets", counts, spread=0.8)
    zoo = store_in(folder, "zoo", {"elk": 9, "fox": 9}, seed=1)
    config = EvaluationConfig(
        stores=(str(pets.folder),),
        strangers=(str(zoo.folder),),
        methods=METHODS,
        shots=(1, 2),
        seeds=2,
        unknown=0.25,
    )
    evaluate(config, folder / "run")
    return folder / "run"


@pytest.fixture(scope="module")
def result(run):
    return find(EvaluationRun.read(run))


def test_find__strangers__has_the_means_of_the_rows_and_their_intervals(run, result):
    rows = pd.read_csv(run / "rows.csv")

    for metric in ("unknown_auroc", "far_auroc", "kept", "set_size"):
        for method, by_shots in result.quality[metric].items():
            for n_shot, estimate in by_shots.items():
                values = rows[(rows.method == method) & (rows.n_shot == n_shot)][metric]
                assert estimate.mean == pytest.approx(values.mean())
                half = stats.t.ppf(0.975, 1) * values.std() / 2**0.5
                assert estimate.half == pytest.approx(half)
    assert set(result.quality["far_auroc"]) == set(METHODS)
    assert set(result.quality["kept"]) == {"closed-form"}
