"""Draws of a study: scenes to learn from, and scenes to be asked about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metaadapter.errors import DataError

# Of the scenes of a class so many are kept for questions, however many pictures are asked for.
KEPT_FOR_QUESTIONS = 1 / 3


@dataclass(frozen=True, slots=True)
class Draw:
    """One division of the frames.

    Attributes:
        support: Class → numbers of frames to learn from, each of another scene; k shots are the
            first k.
        queries: Numbers of frames to be asked about, the same for every number of shots.
    """

    support: Mapping[str, tuple[int, ...]]
    queries: tuple[int, ...]

    def shots(self, k: int) -> tuple[int, ...]:
        """The frames of k shots of each class, or of as many as there are."""
        return tuple(number for frames in self.support.values() for number in frames[:k])


def draw_scenes(labels: Sequence[str], scenes: Sequence[int], most_shots: int, seed: int) -> Draw:
    """Divide scenes at random, until each class has its shots and a third of its scenes is left.

    Raises:
        DataError: A class has a single scene, which cannot be on both sides.
    """
    classes_of: dict[int, set[str]] = {}
    for label, scene in zip(labels, scenes, strict=True):
        classes_of.setdefault(scene, set()).add(label)
    n_left = Counter(label for found in classes_of.values() for label in found)
    if single := sorted(label for label, n in n_left.items() if n < 2):
        raise DataError(
            f"all frames of {', '.join(map(repr, single))} show one scene, so none could be asked "
            "about that was not learned from; add frames of other places or days, or leave the "
            "class out"
        )
    kept = {label: max(1, round(KEPT_FOR_QUESTIONS * n)) for label, n in n_left.items()}
    rng = np.random.default_rng(seed)
    learned: Counter[str] = Counter()
    asked: set[int] = set()
    order = rng.permutation(sorted(classes_of)).tolist()
    rank = {scene: number for number, scene in enumerate(order)}
    for scene in order:
        found = classes_of[scene]
        wanted = any(learned[label] < most_shots for label in found)
        if wanted and all(n_left[label] > kept[label] for label in found):
            learned.update(found)
            n_left.subtract(found)
        else:
            asked.add(scene)
    support: dict[str, tuple[int, ...]] = {}
    for label in sorted(kept):
        frames: dict[int, list[int]] = {}
        for number, (own, scene) in enumerate(zip(labels, scenes, strict=True)):
            if own == label and scene not in asked:
                frames.setdefault(scene, []).append(number)
        chosen = [int(rng.choice(frames[scene])) for scene in sorted(frames, key=rank.__getitem__)]
        support[label] = tuple(chosen[:most_shots])
    if bare := [label for label, found in support.items() if not found]:
        raise DataError(
            f"no frame of {', '.join(map(repr, bare))} is left to learn from, for its scenes are "
            "those of other classes too; add frames of other places or days"
        )
    queries = tuple(number for number, scene in enumerate(scenes) if scene in asked)
    return Draw(support, queries)
