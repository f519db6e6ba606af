# ruff: noqa
# mypy: ignore-errors
"""Sets, calibration and near strangers on frames of camera traps with scenes as groups.

    python -m tools.trials.trap_sets STORE …

Each STORE is made by `metaadapter encode` from a manifest with the scene of each frame as its group. Prints, for
1, 4 and 16 labelled frames of each class from different scenes (fewer where there are fewer) and
queries of other scenes, means over 20 draws with the half width of their 95 % interval, in %: the
accuracy, the coverage of sets for 90 % and the classes in a set, the calibration error, without and
with the queries as a pool; then, with each class left out in turn, the known frames and the
strangers that pass the threshold for 95 %, and the AUROC. Then `POOLED`: the calibration error with
a pool, with the temperature that gives the pool the mean confidence it has without the pool.
"""

from __future__ import annotations

import sys

import numpy as np
import torch

from metaadapter.adapter.known import known_logits, known_threshold, prediction_sets
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.evaluation.sets.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.sets.store_sets import set_by_group

N_DRAWS = 20
STUDENT = 2.093


def draw(
    data: EvaluationSet, classes: list[int], n_shot: int, seed: int
) -> tuple[list[list[int]], np.ndarray]:
    """Return the labelled frames of each class, and all frames of scenes without labelled ones."""
    rng, used, shots = np.random.default_rng(seed), set[int](), []
    for number in classes:
        own = rng.permutation(np.flatnonzero(data.labels_n == number))
        _, first = np.unique(data.copies_n[own], return_index=True)
        scenes = own[np.sort(first)]
        shots.append(scenes[: min(n_shot, max(1, len(scenes) * 2 // 3))].tolist())
        used.update(data.copies_n[shots[-1]].tolist())
    return shots, np.flatnonzero((data.labels_n >= 0) & ~np.isin(data.copies_n, list(used)))


def support_of(data: EvaluationSet, classes: list[int], shots: list[list[int]]) -> Support:
    most = max(map(len, shots))
    rows = torch.zeros(1, len(classes), most, data.text_CD.shape[1])
    mask = torch.zeros(1, len(classes), most, dtype=torch.bool)
    for place, pictures in enumerate(shots):
        rows[0, place, : len(pictures)] = data.look_up(torch.tensor(pictures))
        mask[0, place, : len(pictures)] = True
    texts = data.text_CD[classes][None]
    return Support.of_tasks(rows, texts, mask, logit_scale=data.logit_scale, blocks=data.blocks)


def calibration_error(p: torch.Tensor, own: torch.Tensor) -> float:
    most, best = p.max(-1)
    bins = (most * 15).ceil().clamp(1, 15)
    gaps = [(most - (best == own).float())[bins == n].sum().abs() for n in range(1, 16)]
    return float(sum(gaps) / len(own))


def with_confidence(logits: torch.Tensor, wanted: float) -> torch.Tensor:
    """Return the probabilities at the temperature whose mean confidence is `wanted`."""
    low, high = 0.05, 20.0
    for _ in range(40):
        middle = (low * high) ** 0.5
        is_less = (logits * middle).softmax(-1).amax(-1).mean() < wanted
        low, high = (middle, high) if is_less else (low, middle)
    return (logits * low).softmax(-1)


def figures_of(
    data: EvaluationSet, method: object, n_shot: int, seed: int
) -> tuple[list[float], list[float], list[float]]:
    every = list(range(len(data.classes)))
    shots, asked = draw(data, every, n_shot, seed)
    rows, own = data.look_up(torch.tensor(asked))[None], torch.tensor(data.labels_n[asked])
    support, result, plain = support_of(data, every, shots), [], 0.0
    for pooled in (False, True):
        weights = method.fit(support.with_pool(rows[0]) if pooled else support)
        logits = classify(rows, weights)
        p = logits.softmax(-1)
        sets = prediction_sets(p, weights, 0.9)[0]
        result += [
            float((p[0].argmax(-1) == own).float().mean()),
            float(sets[torch.arange(len(own)), own].float().mean()),
            float(sets.sum(-1).float().mean()) / 100,
            calibration_error(p[0], own),
        ]
        result.append(float(p.amax(-1).mean()))
        plain = plain or result[-1]
    result.append(calibration_error(with_confidence(logits[0], plain), own))
    strangers: list[list[float]] = [[], []]
    for left_out in every:
        classes = [number for number in every if number != left_out]
        shots, asked = draw(data, classes, n_shot, seed)
        rows = data.look_up(torch.tensor(asked))[None]
        support = support_of(data, classes, shots)
        is_stranger = torch.tensor(data.labels_n[asked] == left_out)
        for place, pool in enumerate((support, support.with_pool(rows[0]))):
            weights = method.fit(pool)
            known = known_logits(rows, weights).sigmoid()[0]
            passes = (known >= known_threshold(weights)[0]).float()
            one, other = known[~is_stranger, None], known[is_stranger]
            wins = (one > other).float() + 0.5 * (one == other).float()
            strangers[place].append(
                [float(x.mean()) for x in (passes[~is_stranger], passes[is_stranger], wins)]
            )
    return result, *[np.mean(rows, axis=0).tolist() for rows in strangers]


def main() -> None:
    torch.set_num_threads(1)
    for folder in sys.argv[1:]:
        data = set_by_group(folder)
        for name in ("default", "default@joint"):
            method = load_method(name)
            for n_shot in (1, 4, 16):
                draws = [sum(figures_of(data, method, n_shot, s), []) for s in range(N_DRAWS)]
                mean = 100 * np.mean(draws, axis=0)
                half = 100 * STUDENT * np.std(draws, axis=0, ddof=1) / N_DRAWS**0.5
                cells = [f"{m:.4g} ± {h:.2g}" for m, h in zip(mean, half, strict=True)]
                parts = (cells[:5], cells[5:10], cells[10:11], cells[11:14], cells[14:])
                kinds = ("right covered size ece sure", "pool", "POOLED", "strangers", "with pool")
                for kind, part in zip(kinds, parts, strict=True):
                    print(folder, name, n_shot, kind, "|", ", ".join(part), flush=True)


if __name__ == "__main__":
    main()
