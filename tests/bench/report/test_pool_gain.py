from __future__ import annotations

import numpy as np
import pytest

from metaadapter.bench.evaluation.tables import table
from metaadapter.bench.report.evaluation_views import page
from metaadapter.bench.report.pool_gain import gains_of_rows

METHODS = ("default", "default@labelled", "closed-form", "closed-form@labelled", "GDA")
TASKS = {"pets": 19, "farm": 23}


def rows_of(draw_pool, *, tasks=TASKS, methods=METHODS, shots=(1, 4)):
    """Rows of tasks of five ways, whose pools and accuracies are drawn."""
    rng = np.random.default_rng(0)
    result = []
    for store, n_tasks in tasks.items():
        for task in range(n_tasks):
            n_pool, evenness = draw_pool(rng)
            for method in methods:
                for n_shot in shots:
                    row = {"method": method, "store": store, "part": "all", "n_shot": n_shot}
                    row |= {"seed": task % 2, "task": task // 2, "n_way": 5}
                    row |= {"n_pool": n_pool, "pool_evenness": evenness}
                    result.append(row | {"accuracy": rng.random()})
    return table({key: [row[key] for row in result] for key in result[0]})


def any_pool(rng):
    return int(rng.integers(5, 100)), float(rng.uniform(0.2, 1))


def few_sizes(rng):
    return int(rng.choice([5, 5, 5, 10, 15])), 1.0


def slowly(rows, value_of, n_bins=4):
    """By bin: its values, and by method and shots, the mean over sets of the paired differences."""
    tasks = {}
    for row in rows.to_dict("records"):
        key = row["store"], row["seed"], row["task"]
        _, accuracies = tasks.setdefault(key, (value_of(row), {}))
        accuracies[row["method"], row["n_shot"]] = row["accuracy"]
    values = [value for value, _ in tasks.values()]
    edges = sorted({float(np.quantile(values, k / n_bins)) for k in range(1, n_bins)})
    bins = []
    for low, high in zip([-np.inf, *edges], [*edges, np.inf], strict=True):
        inside = {key: result for key, result in tasks.items() if low <= result[0] < high}
        of_set = {}
        for key, result in inside.items():
            of_set.setdefault(key[0], []).append(result)
        of_set = {store: result for store, result in of_set.items() if len(result) > 1}
        if of_set:
            bins.append(of_set)
    return bins


@pytest.mark.parametrize(
    ("draw_pool", "variable", "value_of", "n_bins"),
    [
        (any_pool, "size", lambda row: row["n_pool"] / row["n_way"], 4),
        (any_pool, "evenness", lambda row: row["pool_evenness"], 4),
        (few_sizes, "size", lambda row: row["n_pool"] / row["n_way"], 2),
    ],
)
def test_gains__are_as_a_slow_loop_has_them(draw_pool, variable, value_of, n_bins):
    rows = rows_of(draw_pool)

    (result,) = gains_of_rows(rows, [variable])

    expected = slowly(rows, value_of)
    assert (result.by, len(result.bins), len(expected)) == (variable, n_bins, n_bins)
    assert result.methods == ("default", "closed-form")
    for of_bin, of_set in zip(result.bins, expected, strict=True):
        values = [value for tasks in of_set.values() for value, _ in tasks]
        assert (of_bin.low, of_bin.high) == (min(values), max(values))
        assert of_bin.mean == pytest.approx(np.mean(values))
        assert (of_bin.n_tasks, of_bin.n_sets) == (len(values), len(of_set))
        for method in result.methods:
            for n_shot in (1, 4):
                differences = [
                    [had[method, n_shot] - had[f"{method}@labelled", n_shot] for _, had in tasks]
                    for tasks in of_set.values()
                ]
                mean = np.mean([np.mean(of_store) for of_store in differences])
                assert of_bin.gain[method][n_shot].mean == pytest.approx(mean)


@pytest.mark.parametrize(
    ("changes", "variables"),
    [
        ({"pool": "strangers", "pool_size": 3}, []),
        ({"pool": "skewed", "pool_size": (1, 20)}, ["size", "evenness"]),
    ],
)
def test_report__has_a_figure_for_what_a_draw_varies(report_of, read_page, changes, variables):
    methods = ("closed-form", "closed-form@labelled", "prototypes")
    settings = {"methods": methods, "tasks": 12, "ways": 3, "queries": 4}
    result = report_of("abcd", 30, spread=1.5, **settings, **changes)

    assert [gain.by for gain in result.pool_gain] == variables
    assert ("Gain from the pool" in read_page(page(result, {})).words) == bool(variables)
