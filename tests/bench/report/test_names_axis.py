"""The reference against the best peer of each cell, by the quality of made names."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metaadapter.bench.report.evaluation_views import markdown, overview, page
from metaadapter.bench.report.names_axis import axes_of_rows

LEVELS, SHOTS = ("own", "0.6", "4", "noise", "cone:2"), (1, 4)
PEERS = ("zero-shot", "GDA", "APE")
SEEDS, TASKS, PLACES = range(2), range(3), range(2)


@pytest.fixture(scope="module")
def rows():
    """Figures of two sets at random; no peer is best everywhere."""
    rng = np.random.default_rng(0)
    keys = ("level", "n_shot", "method", "place", "seed", "task")
    cells = product(LEVELS, SHOTS, ("default", *PEERS), PLACES, SEEDS, TASKS)
    result = [
        dict(zip(keys, cell, strict=True), accuracy=rng.random(), nll=rng.random())
        for cell in cells
    ]
    return pd.DataFrame(result)


def samples_of(rows, level, n_shot, method, metric="accuracy"):
    """The figures of each set's tasks."""
    chosen = {
        (row["place"], row["seed"], row["task"]): row[metric]
        for row in rows.to_dict("records")
        if (row["level"], row["n_shot"], row["method"]) == (level, n_shot, method)
    }
    return np.array([[chosen[p, s, t] for s in SEEDS for t in TASKS] for p in PLACES])


def half_width(gains):
    """Welch and Satterthwaite's interval of the mean of two means."""
    variances = gains.var(axis=1, ddof=1) / gains.shape[1]
    freedom = variances.sum() ** 2 / (variances**2 / (gains.shape[1] - 1)).sum()
    return stats.t.ppf(0.975, freedom) * variances.sum() ** 0.5 / len(gains)


@pytest.mark.parametrize(("metric", "better"), [("accuracy", max), ("nll", min)])
def test_axes__task_by_task__have_the_best_peer_of_each_cell(rows, metric, better):
    plain, cones = axes_of_rows(rows, "default", PEERS, metric)

    assert (plain.in_cones, plain.levels) == (False, ("0.6", "4", "noise"))
    assert (cones.in_cones, cones.levels, list(cones.best)) == (True, ("cone:2",), ["cone:2"])
    for level, n_shot in product(("own", *plain.levels), SHOTS):
        cell = plain.best[level][n_shot]
        of_method = {
            name: samples_of(rows, level, n_shot, name, metric) for name in ("default", *PEERS)
        }
        best = better(PEERS, key=lambda name: of_method[name].mean())
        gains = of_method["default"] - of_method[best]
        assert cell.peer == best
        assert cell.reference == pytest.approx(of_method["default"].mean())
        assert cell.of_peer == pytest.approx(of_method[best].mean())
        assert cell.difference.mean == pytest.approx(gains.mean())
        assert cell.difference.half == pytest.approx(half_width(gains))
    assert len({plain.best[level][n].peer for level in plain.levels for n in SHOTS}) > 1
    alone = {level: samples_of(rows, level, 1, "zero-shot").mean() for level in plain.zero_shot}
    assert plain.zero_shot == pytest.approx(alone)


@pytest.mark.parametrize("n_shot", SHOTS)
def test_axes__means_over_made_levels__leave_out_the_own_names(rows, n_shot):
    axis = axes_of_rows(rows, "default", PEERS, "accuracy")[0]

    def mean_of(method_of):
        return np.mean(
            [samples_of(rows, level, n_shot, method_of(level)) for level in axis.levels], axis=0
        )

    own = mean_of(lambda _: "default")
    best = mean_of(lambda level: axis.best[level][n_shot].peer)
    single = max(PEERS, key=lambda name: mean_of(lambda _: name).mean())
    for cell, peer in (
        (axis.mean_best[n_shot], best),
        (axis.mean_single[n_shot], mean_of(lambda _: single)),
    ):
        assert cell.reference == pytest.approx(own.mean())
        assert cell.of_peer == pytest.approx(peer.mean())
        assert cell.difference.half == pytest.approx(half_width(own - peer))
    assert axis.mean_single[n_shot].peer == single


def test_report__made_names__every_text_says_what_they_are(report_of, read_page):
    methods = ("text + mean", "zero-shot", "GDA", "prototypes")
    names = ("own", "0.6", "noise", "cone:1")
    labels = ("ant", "bee", "cow")
    result = report_of(labels, 9, spread=2.0, methods=methods, names=names, tasks=2, queries=4)

    assert "queries included" in result.names
    assert result.headline.endswith(result.names)
    cell = result.names_axes[0].best["0.6"][1]
    for text in (
        markdown(result),
        "\n".join(overview(result)),
        read_page(page(result, {})).words,
    ):
        assert result.names in text
        assert f"{100 * cell.reference:.1f} / {100 * cell.of_peer:.1f} {cell.peer} (" in text
