"""The hints of a session beside its answers: advice, and groups of look-alikes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import final

import numpy as np
from jaxtyping import Float32

from metaadapter.apps.advice.kinds import Advice, on_look_alikes
from metaadapter.apps.page.entries import AdviceEntry
from metaadapter.apps.page.results import Results
from metaadapter.apps.page.snapshot import EncodedRow, LabelledTask, Snapshot

# The centres of groups are learned from at most this many pictures, enough for large trays.
MAX_LEARNED, STEPS, SEED = 4000, 8, 0
# Strangers that are alike form a group of at least so many, and of so many each is compared.
FEWEST, MOST_COMPARED = 5, 1000
# Two pictures are alike if they differ by this times the usual difference within a class.
SCATTER = 1.5


@final
class Hints:
    """Advice and look-alikes, each computed once for the same pictures and labels."""

    def __init__(self) -> None:
        # Each is one value, so that another thread never sees half of it.
        self._advice: tuple[object, list[Advice[str]]] = None, []
        self._alike: tuple[tuple[str, ...], list[list[str]]] = (), []

    def advice(
        self, results: Results, snapshot: Snapshot, settled: Mapping[str, AdviceEntry]
    ) -> list[Advice[str]]:
        """Advice on the labelled pictures; none in a project of several labels.

        The last piece is about pictures of the tray that look alike, and like none of the classes.
        """
        task, last = results.task, self._advice
        if task is None or task.several:
            return []
        if last[0] != (key := (task.key, tuple(settled))):
            self._advice = last = key, results.advice(settled)
        dismissed = {picture for entry in settled.values() for picture in entry.pictures}
        strangers = [
            picture
            for picture, answer in results.answers.items()
            if answer.unfamiliar and picture not in dismissed
        ]
        alike = alike_strangers(strangers, snapshot.encoded, task)
        return [*last[1], *([on_look_alikes(alike)] if alike else [])]

    def look_alikes(self, snapshot: Snapshot) -> list[list[str]]:
        """Groups of encoded pictures without a label that look alike, the most alike first."""
        tray = snapshot.tray
        if tuple(tray) != self._alike[0]:
            groups = look_alikes(snapshot.rows(tray)) if tray else []
            self._alike = tuple(tray), [[tray[number] for number in group] for group in groups]
        return self._alike[1]


def look_alikes(features: Float32[np.ndarray, "n D"]) -> list[list[int]]:
    """Return groups of row numbers, the most alike first; a row that is like no other has none.

    This is spherical k-means (Dhillon and Modha, 2001) with the square root of n centres, on rows
    without their mean, which all pictures share.
    """
    if len(features) < 2:
        return []
    rows = _unit(features - features.mean(0))
    n_centres = math.ceil(math.sqrt(len(rows)))
    draw = np.random.default_rng(SEED)
    learned = rows[draw.permutation(len(rows))[:MAX_LEARNED]]
    centres = learned[:n_centres]
    for _ in range(STEPS):
        nearest = (learned @ centres.T).argmax(1)
        members = np.eye(n_centres, dtype=np.float32)[nearest]
        centres = np.where(members.any(0)[:, None], _unit(members.T @ learned), centres)
    similarity = rows @ centres.T
    nearest, similarity = similarity.argmax(1), similarity.max(1)
    groups = [np.flatnonzero(nearest == centre) for centre in range(n_centres)]
    groups = [group for group in groups if len(group) > 1]
    groups.sort(key=lambda group: -similarity[group].mean())
    return [group[np.argsort(-similarity[group], kind="stable")].tolist() for group in groups]


def _unit(rows: Float32[np.ndarray, "n D"]) -> Float32[np.ndarray, "n D"]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), np.float32)


def alike_strangers(
    strangers: Sequence[str], encoded: Mapping[str, EncodedRow], task: LabelledTask
) -> tuple[str, ...]:
    """Return the stranger that is like the most others, and these; nothing if they are few."""
    compared = [picture for picture in strangers if picture in encoded][:MOST_COMPARED]
    if len(compared) < FEWEST:
        return ()
    rows = np.stack([encoded[picture].features_D for picture in compared])
    are_alike = 1 - rows @ rows.T <= SCATTER * _usual_difference(task)
    group = are_alike[are_alike.sum(1).argmax()].nonzero()[0]
    return tuple(compared[place] for place in group) if len(group) >= FEWEST else ()


def _usual_difference(task: LabelledTask) -> float:
    """Return the median over the classes with several pictures; 0 without any."""
    labels = np.array([label for (label,) in task.labels])
    of_classes = [task.pictures.features[labels == label] for label in task.classes]
    several = [_difference(rows) for rows in of_classes if len(rows) > 1]
    return float(np.median(several)) if several else 0.0


def _difference(rows: Float32[np.ndarray, "n D"]) -> float:
    """Return 1 − the mean cosine of two of n unit rows, which is n (1 − ‖mean‖²) / (n − 1)."""
    n, mean = len(rows), rows.mean(0)
    return float(n * (1 - mean @ mean) / (n - 1))
