"""Draws tasks: supports of few shots are parts of larger ones, and all have the same queries.

With groups, no group of pictures gives both labelled pictures and queries.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool
from torch.nn.utils.rnn import pad_sequence

from episodes import EpisodeRows, LabelIndex, nested_draws
from metaadapter.bench.evaluation.draw_config import DrawConfig
from metaadapter.bench.evaluation.pools import with_pools
from metaadapter.bench.evaluation.sets.copies import without_copies
from metaadapter.bench.evaluation.sets.evaluation_set import QUERY, SUPPORT, EvaluationSet
from metaadapter.errors import DataError

# Added to the seed, so that other draws with the same seed are independent of these.
STREAM = 0x67726F7570
# Tries to draw a task; a try fails if groups of several classes leave a class without its shots.
MOST_TRIES = 100
# The fraction of a class's groups that is kept for queries, whatever the number of shots.
KEPT_FOR_QUERIES = 1 / 3


def draw_tasks(data: EvaluationSet, config: DrawConfig, seed: int) -> EpisodeRows:
    """Return the rows of tasks with the most shots; `first(k)` of the result has k shots.

    Support, queries and pool of a task share no picture. Pictures of hidden classes are in
    `off_class_TO`. Raise `DataError` if too few classes have enough pictures.
    """
    _require_classes(data, config)
    rows = _draw(data, config, seed)
    if config.queries == "all" and not (data.has_two_pools or data.is_by_group):
        rows = _with_the_rest(rows, data.index)
    if config.unknown:
        rows = _hold_out(rows, config.unknown, data.name)
    if config.pool:
        rows = with_pools(rows, data, config, seed)
    return rows


def classes_left_out(data: EvaluationSet, config: DrawConfig) -> dict[str, int]:
    """Return class → number of pictures, if these are too few for the most shots and a query.

    By group, both are from different groups.
    """
    n_shot, counts_CM = 1 if config.fewer_shots else max(config.shots), data.index.counts_CM
    counts_C = counts_CM[:, SUPPORT]
    is_enough_C = counts_C > n_shot
    if data.is_by_group:
        is_enough_C = torch.from_numpy(enough_groups(data, n_shot))
    elif data.has_two_pools:
        is_enough_C = (counts_C >= n_shot) & (counts_CM[:, QUERY] > 0)
    return {data.classes[c]: int(counts_C[c]) for c in (~is_enough_C).nonzero()[:, 0].tolist()}


def _require_classes(data: EvaluationSet, config: DrawConfig) -> None:
    n_left = len(data.classes) - len(classes_left_out(data, config))
    counts_C = data.index.counts_CM[:, SUPPORT]
    if n_left < 2:
        largest = counts_C.argsort(descending=True)[:3].tolist()
        listed = ", ".join(f"{data.classes[c]} {int(counts_C[c])}" for c in largest)
        if data.n_near_copies and not data.has_two_pools:
            listed += f", without {data.n_near_copies} near copies of other pictures"
        raise DataError(
            f"the set {data.name} is too small: at least two classes need {max(config.shots)} "
            f"labelled pictures and a query{' from other groups' if data.is_by_group else ''}. "
            f"Pictures of its largest classes: {listed}. Ask for fewer --shots"
        )


def _draw(data: EvaluationSet, config: DrawConfig, seed: int) -> EpisodeRows:
    index, shots = data.index, config.ascending_shots
    most_ways = config.ways or index.n_classes
    if data.is_by_group:
        return group_draws(data, config, seed)
    if not data.has_two_pools:
        n_query = 0 if config.queries == "all" else config.queries
        return nested_draws(index, shots, n_query, config.tasks, most_ways, seed)
    n_query, domains = int(index.counts_CM[:, QUERY].max()), (SUPPORT, QUERY)
    rows = nested_draws(index, shots, n_query, config.tasks, most_ways, seed, domains=domains)
    query_TNQ = without_copies(rows.query_TNQ, rows.support_TNK, data.copies_n)
    if not (query_TNQ >= 0).flatten(1).any(1).all():
        raise DataError(
            f"the set {data.name}: a task has no query, because all pictures for queries have the "
            "path, content or group of a labelled picture; ask for fewer --shots or add pictures"
        )
    n_query = query_TNQ.shape[2] if config.queries == "all" else config.queries
    return replace(rows, query_TNQ=query_TNQ[..., :n_query])


def _with_the_rest(rows: EpisodeRows, index: LabelIndex) -> EpisodeRows:
    """Make all pictures of a class its queries, except those in the support."""
    counts_TN1 = index.counts_CM[rows.classes_TN, SUPPORT][..., None]
    steps_P = torch.arange(int(counts_TN1.max()))
    places_TNP = index.starts_CM[rows.classes_TN, SUPPORT][..., None] + steps_P
    pool_TNP = index.rows_at(torch.where(steps_P < counts_TN1, places_TNP, -1))
    drawn_TNP = torch.stack(list(map(torch.isin, pool_TNP, rows.support_TNK)))
    return replace(rows, query_TNQ=pool_TNP.masked_fill(drawn_TNP, -1))


def _hold_out(rows: EpisodeRows, fraction: float, name: str) -> EpisodeRows:
    """Hide the last classes of each task; the order of its ways is random."""
    n_way = rows.classes_TN.shape[1]
    n_known = n_way - round(fraction * n_way)
    if not 2 <= n_known < n_way:
        raise DataError(
            f"the set {name}: unknown={fraction} leaves {n_known} of {n_way} classes known, but "
            "at least two must be known and one unknown; choose another fraction"
        )
    return replace(
        rows,
        classes_TN=rows.classes_TN[:, :n_known],
        support_TNK=rows.support_TNK[:, :n_known],
        twin_TNK=rows.twin_TNK[:, :n_known],
        query_TNQ=rows.query_TNQ[:, :n_known],
        off_class_TO=rows.query_TNQ[:, n_known:].flatten(1),
    )


def enough_groups(data: EvaluationSet, n_shot: int) -> Bool[np.ndarray, " C"]:
    """Return whether each class by itself has groups for its shots, and further ones for queries.

    The number of a picture's group is in `copies_n`.
    """
    enough = []
    for number in range(len(data.classes)):
        sizes = np.unique(data.copies_n[data.labels_n == number], return_counts=True)[1]
        largest = np.sort(sizes)[::-1][: max(0, len(sizes) - n_kept(len(sizes)))]
        enough.append(largest.sum() >= n_shot)
    return np.array(enough)


def group_draws(data: EvaluationSet, config: DrawConfig, seed: int) -> EpisodeRows:
    """Draw tasks of which no group gives both labelled pictures and queries.

    Each task draws the groups of its labelled pictures (`labelled_groups`). Its queries are from
    all groups without a labelled picture. With `fewer_shots`, a class may have fewer shots, and the
    rest of its row is −1; its first shots are of different groups, as far as it has them. Raise
    `DataError` if no task has the shots.
    """
    n_shot, fewer_shots = max(config.shots), config.fewer_shots
    n_query = None if config.queries == "all" else config.queries
    most_ways = config.ways or len(data.classes)
    rng = np.random.default_rng([seed, STREAM])
    (usable,) = enough_groups(data, 1 if fewer_shots else n_shot).nonzero()
    classes, supports, queries = [], [], []
    for _ in range(config.tasks):
        ways, support, query = _task(data, usable, n_shot, most_ways, rng, fewer_shots=fewer_shots)
        classes.append(ways)
        padding = np.full(n_shot, -1)
        supports.append(np.stack([np.append(own, padding)[:n_shot] for own in support]))
        queries += [torch.from_numpy(pictures[:n_query]) for pictures in query]
    classes_TN = torch.from_numpy(np.stack(classes))
    query_XQ = pad_sequence(queries, batch_first=True, padding_value=-1)
    support_TNK = torch.from_numpy(np.stack(supports))
    empty_T0 = classes_TN[:, :0]
    return EpisodeRows(
        classes_TN,
        support_TNK,
        support_TNK[..., :0],
        query_XQ.reshape(*classes_TN.shape, -1),
        empty_T0,
        empty_T0,
    )


def _task(
    data: EvaluationSet,
    usable: np.ndarray,
    n_shot: int,
    most_ways: int,
    rng: np.random.Generator,
    *,
    fewer_shots: bool,
) -> tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]:
    """Return classes, and for each class its labelled pictures and its queries."""
    groups = data.copies_n
    for _ in range(MOST_TRIES):
        ways = rng.permutation(usable)[:most_ways]
        pictures = [(data.labels_n == way).nonzero()[0] for way in ways]
        counts: dict[int, Counter[str]] = {}
        for way, own in zip(ways, pictures, strict=True):
            for group in groups[own].tolist():
                of_group = counts.setdefault(group, Counter())
                # One for each group, so that the shots are of as many groups as there are.
                of_group[data.classes[way]] = 1 if fewer_shots else of_group[data.classes[way]] + 1
        labelled = labelled_groups(counts, n_shot, rng)
        support = [rng.permutation(own[np.isin(groups[own], labelled)]) for own in pictures]
        if fewer_shots:
            support = [own[_by_turns(groups[own])] for own in support]
        support = [own[:n_shot] for own in support]
        seen = groups[np.concatenate(support)]
        query = [rng.permutation(own[~np.isin(groups[own], seen)]) for own in pictures]
        is_enough = all(len(own) >= (1 if fewer_shots else n_shot) for own in support)
        if is_enough and all(map(len, query)):
            return ways, support, query
    raise DataError(
        f"the set {data.name}: in {MOST_TRIES} tries no division of the groups has {n_shot} "
        f"labelled pictures of each of {min(most_ways, len(usable))} classes, and a query from "
        "other groups; ask for fewer --shots or --ways"
    )


def _by_turns(groups: np.ndarray) -> np.ndarray:
    """Return an order of pictures: first one of each group, then a second of each, and so on."""
    seen: Counter[int] = Counter()
    turns = []
    for group in groups.tolist():
        turns.append(seen[group])
        seen[group] += 1
    order: np.ndarray = np.argsort(turns, kind="stable")
    return order


def n_kept(n_groups: int) -> int:
    """Return how many groups of a class are kept for queries."""
    return max(1, round(KEPT_FOR_QUERIES * n_groups))


def labelled_groups(
    counts: Mapping[int, Mapping[str, int]], most_shots: int, rng: np.random.Generator
) -> list[int]:
    """Draw groups one after the other, in random order, until each class has its shots.

    A group that would leave fewer groups of a class than `n_kept` is not drawn.

    Args:
        counts: Group → class → how many shots the group gives.
        most_shots: The number of shots that a class needs.
        rng: The source of the order.
    """
    n_left = Counter(label for classes in counts.values() for label in classes)
    kept = {label: n_kept(n) for label, n in n_left.items()}
    n_shots: Counter[str] = Counter()
    labelled = []
    for group in rng.permutation(sorted(counts)).tolist():
        classes = counts[group]
        is_wanted = any(n_shots[label] < most_shots for label in classes)
        if is_wanted and all(n_left[label] > kept[label] for label in classes):
            n_shots.update(classes)
            n_left.subtract(classes.keys())
            labelled.append(group)
    return labelled
