"""What `tools.peer_margins` measures, as tables and as plain values.

The best peer is one for all stores, the hindsight choice another for each store, both for each
number of shots and on the very tasks measured, which favours the peers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from metaadapter.evaluation.estimate import Estimate
from metaadapter.evaluation.markdown_table import markdown_table

__all__ = ["AtShots", "Measured", "document", "markdown", "summarise"]

# Points over the best single peer that the generator should have, by shots.
TARGETS = {1: 1.5, 2: 1.5, 4: 1.0, 8: 0.5, 16: 0.5}
MOST_CALIBRATION_ERROR = {1: 5.0, 4: 5.0, 16: 5.0}


@dataclass(frozen=True, slots=True)
class Measured:
    """One method on one store at one number of shots."""

    accuracy_T: np.ndarray
    """Of each task, in %."""
    calibration_error: float
    """Over all queries, in points."""


Store = dict[str, dict[int, Measured]]
"""By method and shots; the method `generator` is held against all others."""


@dataclass(frozen=True, slots=True)
class AtShots:
    """Over the stores at one number of shots; differences are paired by task."""

    means: dict[str, Estimate]
    """Accuracy by method."""
    best_peer: str
    hindsight: Estimate
    margin: Estimate
    """Generator less best single peer."""
    hindsight_margin: Estimate
    over_zero_shot: dict[str, Estimate]
    """Generator less zero-shot by store; empty where zero-shot was not measured."""


def summarise(stores: dict[str, Store]) -> dict[int, AtShots]:
    """Means, choices and margins by shots that all stores have."""
    first, *others = stores.values()
    shots = [k for k in first["generator"] if all(k in store["generator"] for store in others)]
    return {
        k: _at_shots(
            {
                name: {method: row[k].accuracy_T for method, row in store.items()}
                for name, store in stores.items()
            }
        )
        for k in shots
    }


def _at_shots(accuracy: dict[str, dict[str, np.ndarray]]) -> AtShots:
    """From the accuracy of each task, by store and method."""
    stores = list(accuracy.values())
    means = {
        method: Estimate.over_stores([store[method] for store in stores]) for method in stores[0]
    }
    peers = [method for method in means if method != "generator"]
    best = max(peers, key=lambda method: means[method].mean)
    chosen = [max((store[peer] for peer in peers), key=np.mean) for store in stores]
    own = [store["generator"] for store in stores]
    return AtShots(
        means=means,
        best_peer=best,
        hindsight=Estimate.over_stores(chosen),
        margin=_paired(own, [store[best] for store in stores]),
        hindsight_margin=_paired(own, chosen),
        over_zero_shot={
            name: _paired([store["generator"]], [store["zero-shot"]])
            for name, store in accuracy.items()
            if "zero-shot" in store
        },
    )


def _paired(left: list[np.ndarray], right: list[np.ndarray]) -> Estimate:
    return Estimate.over_stores([one - other for one, other in zip(left, right, strict=True)])


def markdown(stores: dict[str, Store]) -> str:
    """All tables."""
    of_stores = [
        _table(
            f"{name}, accuracy in %",
            store["generator"],
            {
                method: [str(Estimate.over_stores([each.accuracy_T])) for each in row.values()]
                for method, row in store.items()
            },
        )
        for name, store in stores.items()
    ]
    calibration = [_calibration_table(name, store) for name, store in stores.items()]
    return "\n\n".join([_mean_table(summarise(stores)), *of_stores, *calibration])


def _mean_table(summary: dict[int, AtShots]) -> str:
    methods = next(iter(summary.values())).means
    rows = {name: [str(at.means[name]) for at in summary.values()] for name in methods}
    rows["best single peer"] = [at.best_peer for at in summary.values()]
    rows["hindsight choice"] = [str(at.hindsight) for at in summary.values()]
    rows["generator − best single peer"] = [at.margin.signed() for at in summary.values()]
    rows["… wanted"] = [
        f"{TARGETS[k]:+.1f}: {_passes(at.margin.mean >= TARGETS[k])}" for k, at in summary.items()
    ]
    rows["generator − hindsight choice"] = [at.hindsight_margin.signed() for at in summary.values()]
    if all(at.over_zero_shot for at in summary.values()):
        rows |= _zero_shot_rows([at.over_zero_shot for at in summary.values()])
    return _table("Mean over stores, accuracy in %", summary, rows)


def _zero_shot_rows(over_zero_shot: list[dict[str, Estimate]]) -> dict[str, list[str]]:
    """The store that gains least, and whether any loses more than its interval."""
    worst = [min(stores.items(), key=lambda pair: pair[1].mean) for stores in over_zero_shot]
    return {
        "generator − zero-shot, worst store": [f"{gain.signed()} ({name})" for name, gain in worst],
        "… no store below by more than its interval": [
            _passes(all(gain.mean >= -gain.half for gain in stores.values()))
            for stores in over_zero_shot
        ],
    }


def _calibration_table(name: str, store: Store) -> str:
    """The generator's error is not to be above zero-shot's."""
    errors = {
        method: {k: each.calibration_error for k, each in store[method].items()}
        for method in ("zero-shot", "generator")
        if method in store
    }
    rows = {method: [f"{error:.1f}" for error in row.values()] for method, row in errors.items()}
    limits = {k: MOST_CALIBRATION_ERROR.get(k, np.inf) for k in errors["generator"]}
    if "zero-shot" in errors:
        limits = {k: min(limit, errors["zero-shot"][k]) for k, limit in limits.items()}
    rows["… wanted"] = [
        f"≤ {limit:.1f}: {_passes(errors['generator'][k] <= limit)}" for k, limit in limits.items()
    ]
    return _table(f"{name}, calibration error in points", store["generator"], rows)


def _passes(is_met: bool) -> str:
    return "pass" if is_met else "**miss**"


def _table(title: str, shots: Iterable[int], rows: dict[str, list[str]]) -> str:
    table = markdown_table(
        ["shots", *map(str, shots)], ([name, *row] for name, row in rows.items())
    )
    return f"### {title}\n\n" + table


def document(stores: dict[str, Store]) -> dict[str, Any]:
    """The same as plain values, with every task's accuracy."""
    return {
        "schema": "metaadapter.tools.peer_margins/2",
        "summary": _plain(summarise(stores)),
        "measured": _plain(stores),
    }


def _plain(value: object) -> object:
    if is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value.round(4).tolist() if isinstance(value, np.ndarray) else value
