"""Accuracy in a domain, across two, and the difference, from stores to reports."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from scipy import stats

from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.report.evaluation_run import EvaluationRun
from metaadapter.bench.report.evaluation_views import markdown, overview, page
from metaadapter.bench.report.findings import find
from metaadapter.bench.run import evaluate

COUNTS = dict.fromkeys(("ant", "bee", "cow"), 8)


@pytest.fixture(scope="module")
def run(store_in, tmp_path_factory):
    """Two domains of the same classes, whose pictures lie around unlike texts."""
    folder = tmp_path_factory.mktemp("domains")
    photos, drawings = (
        str(
            store_in(
                folder,
                name,
                COUNTS,
                spread=1.0,
                seed=seed,
                path=[f"{name} {number}.png" for number in range(24)],
            ).folder
        )
        for seed, name in enumerate(("photos", "drawings"))
    )
    config = EvaluationConfig(
        stores=((photos, drawings), drawings, (drawings, photos)),
        methods=("prototypes", "zero-shot"),
        shots=(1, 2),
        ways=2,
        seeds=3,
        tasks=3,
    )
    evaluate(config, folder / "run")
    return folder / "run"


def test_across__beside_the_domain_of_the_queries__has_both_and_welchs_interval(run):
    rows = pd.read_csv(run / "rows.csv")

    records = json.loads((run / "summary.json").read_bytes())["across"]

    assert [(row["method"], row["n_shot"]) for row in records] == [
        (method, n_shot) for n_shot in (1, 2) for method in ("prototypes", "zero-shot")
    ]
    for row in records:
        assert (row["store"], row["domain"], row["part"]) == ("photos@drawings", "drawings", "all")
        mine = rows[(rows.method == row["method"]) & (rows.n_shot == row["n_shot"])]
        across, within = (
            mine[mine.store == name].accuracy for name in ("photos@drawings", "drawings")
        )
        assert row["in_domain"] == pytest.approx(within.mean())
        assert row["across"] == pytest.approx(across.mean())
        assert row["difference"] == pytest.approx(across.mean() - within.mean())
        interval = stats.ttest_ind(across, within, equal_var=False).confidence_interval()
        assert row["difference"] + row["half"] == pytest.approx(interval.high)


def test_report__two_domains__shows_both_accuracies_and_the_difference(run):
    result = find(EvaluationRun.read(run))

    (loss,) = result.domain_losses
    assert (loss.set, loss.domain) == ("photos@drawings", "drawings")
    in_domain, across = (table["prototypes"][2] for table in (loss.in_domain, loss.across))
    cell = f"{100 * in_domain:.1f} → {100 * across:.1f} ("
    assert in_domain > across
    for text in (markdown(result), "\n".join(overview(result)), page(result, {})):
        assert cell in text
