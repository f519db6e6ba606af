"""False alarms and thresholds on frames of camera traps that have scenes as groups.

    python tools/trials/camera_trap_limits.py STORE OTHER

STORE and OTHER are the folder `frames` of two studies (`metaadapter study PICTURES --out STUDY`),
with a class `empty`; 15 draws. OTHER gives the empty frames from elsewhere. Prints, for the default
with four labelled frames of each species from different scenes:

- false alarms per 1000 empty frames, animals called empty per 1000, and the accuracy on animals,
  with no labelled empties, 20 from OTHER, and 4 or 8 of STORE's own, at random or the most typical
  ones (greedy cover of all unlabelled frames), with and without the queries as a pool;
- the part of frames of other scenes that `--keep 0.95` and `0.9` keep, with labelled frames of
  different scenes and of few series, with and without `first_of_groups`.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import torch

from metaadapter.adapter.known import known_logits, known_threshold
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import logits_of
from metaadapter.bench.evaluation import store_sets
from metaadapter.bench.evaluation.evaluation_set import EvaluationSet
from metaadapter.bench.evaluation.labelled_groups import labelled_groups
from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.workflow.known_by_group import with_known_head

N_DRAWS = 15
DEFAULT = load_method("default")


def support_of(
    data: EvaluationSet,
    shots: dict[int, list[int]],
    other: EvaluationSet | None = None,
    own: int = -1,
) -> Support:
    """Return the support of class → pictures; those of the class `own` are of the set `other`."""
    most = max(1, *map(len, shots.values()))
    rows = torch.zeros(1, len(data.classes), most, data.text_CD.shape[1])
    mask = torch.zeros(1, len(data.classes), most, dtype=torch.bool)
    for number, pictures in shots.items():
        if not pictures:
            continue
        source = other if other is not None and number == own else data
        rows[0, number, : len(pictures)] = source.look_up(torch.tensor(pictures))
        mask[0, number, : len(pictures)] = True
    return Support.of_tasks(
        rows, data.text_CD[None], mask, logit_scale=data.logit_scale, blocks=data.blocks
    )


def animals(
    data: EvaluationSet, empty: int, rng: np.random.Generator
) -> tuple[dict[int, list[int]], np.ndarray]:
    """Return four labelled frames of each species, and the frames of other scenes."""
    counts: dict[int, Counter] = {}
    usable = (data.labels_n >= 0) & (data.labels_n != empty)
    for picture in np.flatnonzero(usable):
        label = data.classes[data.labels_n[picture]]
        counts.setdefault(int(data.copies_n[picture]), Counter())[label] = 1
    scenes = labelled_groups(counts, 4, rng)
    shots = {}
    for number in range(len(data.classes)):
        own = rng.permutation(
            np.flatnonzero((data.labels_n == number) & np.isin(data.copies_n, scenes))
        )
        _, first = np.unique(data.copies_n[own], return_index=True)
        if number != empty:
            shots[number] = own[np.sort(first)][:4].tolist()
    return shots, np.flatnonzero(usable & ~np.isin(data.copies_n, scenes))


def typical(data: EvaluationSet, candidates: np.ndarray, frames: np.ndarray, n: int) -> list[int]:
    """Return the n candidates that cover all frames best, chosen one after the other."""
    one, other = (data.look_up(torch.tensor(numbers)) for numbers in (frames, candidates))
    cosines = (one @ other.T).numpy()
    best, chosen = np.full(len(frames), -1.0), []
    for _ in range(n):
        place = int(np.maximum(cosines, best[:, None]).sum(0).argmax())
        chosen.append(int(candidates[place]))
        best = np.maximum(best, cosines[:, place])
    return chosen


def background(data: EvaluationSet, other: EvaluationSet) -> None:
    empty = data.classes.index("empty")
    own = np.flatnonzero(data.labels_n == empty)
    theirs = np.flatnonzero(other.labels_n == other.classes.index("empty"))
    for name in ("none", "20 elsewhere", "4 own", "8 own", "4 typical", "8 typical"):
        for pooled in (False, True):
            figures = []
            for seed in range(N_DRAWS):
                rng = np.random.default_rng(seed)
                shots, asked = animals(data, empty, rng)
                count, kind = (0, "") if name == "none" else name.split()
                if kind == "elsewhere":
                    labelled = rng.permutation(theirs)[: int(count)].tolist()
                elif kind == "typical":
                    seen = asked[rng.random(len(asked)) < 0.7]
                    labelled = typical(data, own, np.concatenate([own, seen]), int(count))
                else:
                    labelled = rng.permutation(own)[: int(count)].tolist()
                test = own if kind == "elsewhere" else np.setdiff1d(own, labelled)
                source = other if kind == "elsewhere" else None
                support = support_of(data, shots | {empty: labelled}, source, empty)
                rows = data.look_up(torch.tensor(np.concatenate([test, asked])))
                support = support.with_pool(rows) if pooled else support
                best = logits_of(DEFAULT.fit(support), rows[None])[0].argmax(-1).numpy()
                of_empty, of_animals = best[: len(test)], best[len(test) :]
                figures.append(
                    (
                        1000 * (of_empty != empty).mean(),
                        1000 * (of_animals == empty).mean(),
                        100 * (of_animals == data.labels_n[asked]).mean(),
                    )
                )
            half = 2.14 * np.std([row[0] for row in figures], ddof=1) / N_DRAWS**0.5
            alarms, lost, accuracy = np.mean(figures, axis=0)
            print(
                f"empties {name}{', pool' if pooled else ''}: {alarms:.0f} ± {half:.0f} false "
                f"alarms, {lost:.0f} animals lost, {accuracy:.1f} % right",
                flush=True,
            )


def keep(data: EvaluationSet, n_shot: int, *, series: bool) -> None:
    figures = []
    for seed in range(N_DRAWS):
        rng, used, shots, first = np.random.default_rng(seed), set(), {}, {}
        for number in range(len(data.classes)):
            own = np.flatnonzero(data.labels_n == number)
            scenes, sizes = np.unique(data.copies_n[own], return_counts=True)
            order = (
                np.argsort(-sizes * (0.5 + rng.random(len(sizes))))
                if series
                else (rng.permutation(len(scenes)))
            )
            shots[number], first[number] = [], []
            for place in order[: max(1, len(scenes) * 2 // 3)]:
                frames = rng.permutation(own[data.copies_n[own] == scenes[place]]).tolist()
                taken = frames[: n_shot - len(shots[number])] if series else frames[:1]
                if taken:
                    shots[number] += taken
                    first[number].append(taken[0])
                    used.add(scenes[place])
                if len(shots[number]) >= n_shot:
                    break
        asked = np.flatnonzero((data.labels_n >= 0) & ~np.isin(data.copies_n, list(used)))
        rows = data.look_up(torch.tensor(asked))[None]
        plain = DEFAULT.fit(support_of(data, shots))
        figures.append([])
        for weights in (plain, with_known_head(plain, DEFAULT.fit(support_of(data, first)))):
            known = known_logits(rows, weights).sigmoid()[0]
            figures[-1] += [
                100 * float((known >= known_threshold(weights, part)[0]).float().mean())
                for part in (0.95, 0.9)
            ]
        figures[-1].append(np.mean([len(set(first[number])) for number in first]))
    one, two, three, four, scenes = np.mean(figures, axis=0)
    print(
        f"{n_shot} shots from {scenes:.1f} scenes a class: keep 0.95 → {one:.1f} % (0.9 → "
        f"{two:.1f}), with thresholds of one frame a scene {three:.1f} % ({four:.1f})",
        flush=True,
    )


def main() -> None:
    torch.set_num_threads(1)
    data, other = map(store_sets.set_by_group, sys.argv[1:3])
    print(data.name)
    background(data, other)
    store_sets.near_copies_apart = lambda data: data  # series are near copies
    data = store_sets.set_by_group(sys.argv[1])
    for series in (False, True):
        for n_shot in (4, 8):
            keep(data, n_shot, series=series)


if __name__ == "__main__":
    main()
