"""Draws of a study: scenes for the labelled frames, and scenes for the queries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metaadapter.errors import DataError

# The fraction of the scenes of a class that is kept for queries, whatever the number of shots.
KEPT_FOR_QUERIES = 1 / 3


@dataclass(frozen=True, slots=True)
class Draw:
    """One division of the frames.

    Attributes:
        support: Class → numbers of labelled frames, each of another scene; k shots are the first k.
        queries: Numbers of the frames to classify, the same for every number of shots.
    """

    support: Mapping[str, tuple[int, ...]]
    queries: tuple[int, ...]

    def shots(self, k: int) -> tuple[int, ...]:
        """The frames of k shots of each class, or of as many as there are."""
        return tuple(number for frames in self.support.values() for number in frames[:k])


def draw_scenes(labels: Sequence[str], scenes: Sequence[int], most_shots: int, seed: int) -> Draw:
    """Divide scenes at random, until each class has its shots or a third of its scenes is left.

    Raises:
        DataError: A class has a single scene, which cannot be on both sides.
    """
    classes_of: dict[int, set[str]] = {}
    for label, scene in zip(labels, scenes, strict=True):
        classes_of.setdefault(scene, set()).add(label)
    n_left = Counter(label for classes in classes_of.values() for label in classes)
    if single := sorted(label for label, n in n_left.items() if n < 2):
        raise DataError(
            f"all frames of {', '.join(map(repr, single))} show one scene, which cannot give both "
            "labelled frames and queries; add frames of other places or days, or leave the class "
            "out"
        )
    kept = {label: max(1, round(KEPT_FOR_QUERIES * n)) for label, n in n_left.items()}
    rng = np.random.default_rng(seed)
    order = rng.permutation(sorted(classes_of)).tolist()
    n_labelled: Counter[str] = Counter()
    of_queries: set[int] = set()
    for scene in order:
        classes = classes_of[scene]
        is_wanted = any(n_labelled[label] < most_shots for label in classes)
        if is_wanted and all(n_left[label] > kept[label] for label in classes):
            n_labelled.update(classes)
            n_left.subtract(classes)
        else:
            of_queries.add(scene)
    rank = {scene: number for number, scene in enumerate(order)}
    support: dict[str, tuple[int, ...]] = {}
    for label in sorted(kept):
        frames: dict[int, list[int]] = {}
        for number, (frame_label, scene) in enumerate(zip(labels, scenes, strict=True)):
            if frame_label == label and scene not in of_queries:
                frames.setdefault(scene, []).append(number)
        chosen = [int(rng.choice(frames[scene])) for scene in sorted(frames, key=rank.__getitem__)]
        support[label] = tuple(chosen[:most_shots])
    if bare := [label for label, numbers in support.items() if not numbers]:
        raise DataError(
            f"no labelled frame of {', '.join(map(repr, bare))} is left, because all its scenes "
            "show other classes too; add frames of other places or days"
        )
    queries = tuple(number for number, scene in enumerate(scenes) if scene in of_queries)
    return Draw(support, queries)
