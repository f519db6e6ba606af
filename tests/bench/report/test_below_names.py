from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metaadapter.bench.report.evaluation_views import markdown, overview, page


@pytest.fixture(scope="module")
def harmed(report_of):
    """Pictures say nothing of their classes, because they lie so far from the texts of these."""
    methods = ("prototypes", "zero-shot", "text + mean")
    return report_of(("ant", "bee", "cow"), 30, spread=6.0, methods=methods, seeds=4, tasks=20)


def test_below_names__are_those_whose_paired_interval_is_below_zero(finished, result):
    rows = pd.read_csv(finished / "rows.csv")
    wide = rows.pivot_table(index=["store", "n_shot", "seed"], columns="method", values="accuracy")

    expected = {}
    for (store, n_shot), of_shot in wide.groupby(["store", "n_shot"]):
        for method in set(wide) - {"zero-shot"}:
            less = of_shot[method] - of_shot["zero-shot"]
            half = stats.t.ppf(0.975, len(less) - 1) * less.std() / len(less) ** 0.5
            if less.mean() + half < 0:
                expected.setdefault((method, store), {})[n_shot] = less.mean()

    named = {
        (finding.method, finding.set): {n: e.mean for n, e in finding.difference.items()}
        for finding in result.below_names
    }
    assert named.keys() == expected.keys()
    assert expected
    for key, by_shots in named.items():
        assert by_shots == pytest.approx(expected[key])
        assert np.all(np.array([*by_shots.values()]) < 0)


def test_report__method_below_the_names__is_named_with_both_figures(harmed):
    (finding,) = [one for one in harmed.below_names if one.method == harmed.reference]
    accuracy = harmed.parts[0].accuracy["pets"]

    own, names = (100 * accuracy[method][1].mean for method in ("prototypes", "zero-shot"))
    sentence = (
        "prototypes falls below the class names alone on pets at 1 shot: "
        f"{own:.1f} against {names:.1f} %"
    )
    assert finding.sentence.startswith(sentence)
    assert harmed.headline.endswith(finding.sentence)
    for text in (markdown(harmed), "\n".join(overview(harmed)), page(harmed, {})):
        assert sentence in text
