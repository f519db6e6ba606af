from __future__ import annotations

import functools
import json
import re

import numpy as np
import pytest
from scipy import stats

from metaadapter.bench.evaluation.tables import table
from metaadapter.bench.report.evaluation_markdown import markdown
from metaadapter.bench.report.evaluation_page import page
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


def test_gains__on_one_set__have_students_interval():
    rows = rows_of(any_pool, tasks={"pets": 20}, methods=METHODS[:2], shots=(1,))

    (result,) = gains_of_rows(rows, ["size"])

    (of_set, *_) = slowly(rows, lambda row: row["n_pool"] / row["n_way"])
    gains = [had["default", 1] - had["default@labelled", 1] for _, had in of_set["pets"]]
    interval = stats.ttest_1samp(gains, 0).confidence_interval()
    estimate = result.bins[0].gain["default"][1]
    assert estimate.mean + estimate.half == pytest.approx(interval.high)


def test_gains__set_with_one_task_in_a_bin__takes_no_part_there():
    sizes = iter([10, 10, 10, 10, 60, 60, 60, 60, 60, 60, 10, 60, 60, 60])
    rows = rows_of(lambda _rng: (next(sizes), 1.0), tasks={"pets": 10, "farm": 4})

    small, large = gains_of_rows(rows, ["size"])[0].bins

    assert (small.n_tasks, small.n_sets) == (4, 1)
    assert (large.n_tasks, large.n_sets) == (9, 2)


@pytest.mark.parametrize(
    ("draw_pool", "changes"),
    [
        (lambda _rng: (75, 1.0), {}),  # all alike
        (any_pool, {"tasks": {"pets": 9}}),  # too few for two bins
        (any_pool, {"methods": ("default", "closed-form@labelled", "GDA")}),
    ],
)
def test_gains__where_there_is_nothing_to_compare__are_none(draw_pool, changes):
    assert gains_of_rows(rows_of(draw_pool, **changes), ["size", "evenness"]) == ()


@pytest.fixture(scope="module")
def gain_report(report_of):
    """The result on tasks of three of four classes; each is measured once."""
    methods = ("closed-form", "closed-form@labelled", "prototypes")
    settings = {"methods": methods, "tasks": 12, "ways": 3, "queries": 4}
    labels = ("ant", "bee", "cow", "dog")
    return functools.cache(functools.partial(report_of, labels, 30, spread=1.5, **settings))


@pytest.mark.parametrize(
    ("changes", "variables"),
    [
        ({"pool": "strangers", "pool_size": 3}, []),
        ({"pool": "balanced", "pool_size": (1, 20)}, ["size"]),
        ({"pool": "skewed", "pool_size": (1, 20)}, ["size", "evenness"]),
    ],
)
def test_report__has_a_figure_for_what_a_draw_varies(gain_report, read_page, changes, variables):
    result = gain_report(**changes)

    html, text = page(result, {}), markdown(result)

    assert [gain.by for gain in result.pool_gain] == variables
    names = re.findall(r'aria-labelledby="(pool-[\w-]+)-title"', html)
    assert names == [f"pool-{name}-{n_shot}" for name in variables for n_shot in (1, 2)]
    assert ("Gain from the pool" in read_page(html).words) == bool(variables)
    assert text.count("## Gain of closed-form from the pool, in points, by ") == len(variables)
    assert len(json.loads(json.dumps(result.to_dict()))["pool_gain"]) == len(variables)


def test_report__of_pools__has_a_table_and_names_only_what_read_them(gain_report, read_page):
    result = gain_report(pool="balanced", pool_size=(1, 20))
    (gain,) = result.pool_gain

    rows = [line for line in markdown(result).splitlines() if line.startswith("| 1 to ")]
    words = read_page(page(result, {})).words

    assert len(rows) == 1
    assert f"| {gain.bins[0].n_tasks} | 1 |" in rows[0]
    legend = words.split("Gain from the pool ")[1].split("By unlabelled pictures")[0]
    assert legend.endswith("on the same tasks. closed-form ")
    assert "a pool of 1 to 20 unlabelled pictures a class (balanced)" in words
    assert "closed-form " in words.split("Gain from the pool by unlabelled pictures a class")[1]
