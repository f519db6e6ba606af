"""Predictions of species: those that occur, with SpeciesNet's scores, series and higher taxa."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.field.fauna import FAMILY, GENUS, Fauna, TaxonPath, is_within, name_of
from metaadapter.apps.field.series import mean_in_series
from metaadapter.apps.field.species import among_possible
from metaadapter.apps.field.species_posterior import posterior
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.workflow.predictions import (
    Prediction,
    PredictionOptions,
    Probabilities,
    predict_pictures,
)

# SpeciesNet's threshold for a higher taxon as its answer (`geofence_utils.py`).
ROLL_UP = 0.65
# A species stays the label if it is three times as probable as all others of its taxon together.
CLEAR_SHARE = 0.75
SOURCE = "SpeciesNet"


def species_answer(
    paths: Mapping[str, TaxonPath], prediction: Prediction, others: Mapping[str, float]
) -> Prediction:
    """The prediction, with another species or a higher taxon as its label where that fits.

    Another species (name → probability) is the label if it is more probable than every class. If
    no class and no other species has `ROLL_UP`, a genus, or else a family, is the label, if its
    species together have `ROLL_UP` and none of them has `CLEAR_SHARE` of it. `paths` has the taxa
    of all classes and other species.
    """
    known = 1.0 if prediction.known is None else prediction.known
    classes = {label: known * share for label, share in prediction.probabilities.items()}
    leaves = {**classes, **others}
    best = max(leaves, key=leaves.__getitem__)
    if leaves[best] < ROLL_UP:
        for rank in (GENUS, FAMILY):
            taxon, together = _most_probable(paths, leaves, rank)
            inner = [name for name in leaves if taxon and is_within(paths[name], taxon)]
            first = max(inner, key=leaves.__getitem__, default=best)
            if together >= ROLL_UP and leaves[first] < CLEAR_SHARE * together:
                return prediction._replace(
                    label=name_of(taxon),
                    probability=together,
                    runner_up=first,
                    runner_up_probability=leaves[first],
                    source=SOURCE if first in others else prediction.source,
                )
    if best not in others:
        return prediction
    second = max(classes, key=classes.__getitem__)
    return prediction._replace(
        label=best,
        probability=others[best],
        runner_up=second,
        runner_up_probability=classes[second],
        source=SOURCE,
    )


def _most_probable(
    paths: Mapping[str, TaxonPath], leaves: Mapping[str, float], rank: int
) -> tuple[TaxonPath, float]:
    together = defaultdict[TaxonPath, float](float)
    for name, share in leaves.items():
        if len(path := paths[name]) >= rank:
            together[path[:rank]] += share
    return max(together.items(), key=lambda item: item[1], default=((), 0.0))


class BoxFacts(NamedTuple):
    """Facts about one picture that its pixels do not show."""

    animal: Hashable | None = None
    """The animal in its series; `None` without a series."""
    confidence: float = 1.0
    """The detector's confidence."""
    detected: str | None = None
    """The detector's category."""
    scores: Mapping[str, float] = {}
    """SpeciesNet's label → its score."""


def predict_species(
    stored: StoredAdapter,
    pictures: EncodedPictures,
    options: PredictionOptions,
    *,
    allowed: frozenset[str] | None,
    facts: Sequence[BoxFacts] | None = None,
    fauna: Fauna | None = None,
) -> list[Prediction]:
    """Predict pictures among the species that may occur, with one answer for each animal."""
    classes = [str(label) for label in stored.config.classes]
    facts = facts or [BoxFacts()] * len(pictures)
    others = [] if fauna is None else [*fauna.others]
    shares_NO = np.zeros((len(facts), len(others)))

    def reconsider(probabilities: Probabilities) -> Probabilities:
        detected = [fact.detected for fact in facts]
        rows_NC = among_possible(probabilities.classes_NC, classes, allowed, detected)
        evident = Probabilities(rows_NC, probabilities.known_N)
        if fauna is not None:
            evident, shares_NO[:] = _with_evidence(evident, fauna, facts)
        merged = mean_in_series(
            Probabilities(np.hstack([evident.classes_NC, shares_NO]), evident.known_N),
            [fact.animal for fact in facts],
            [*classes, *others],
            [fact.confidence for fact in facts],
        )
        shares_NO[:] = merged.classes_NC[:, len(classes) :]
        return Probabilities(merged.classes_NC[:, : len(classes)], merged.known_N)

    predictions = predict_pictures(stored, pictures, options, reconsider)
    if fauna is None:
        return predictions
    paths = {name: fauna.path(name) for name in (*classes, *others)}
    return [
        species_answer(paths, prediction, _positive(others, row))
        for prediction, row in zip(predictions, shares_NO.tolist(), strict=True)
    ]


def _with_evidence(
    probabilities: Probabilities, fauna: Fauna, facts: Sequence[BoxFacts]
) -> tuple[Probabilities, np.ndarray]:
    """Return the probabilities given SpeciesNet's scores, and those of the other species (n O)."""
    rows_NC, known_N = probabilities.classes_NC.copy(), probabilities.known_N
    known_N = None if known_N is None else known_N.copy()
    others_NO = np.zeros((len(facts), len(fauna.others)))
    columns = {name: column for column, name in enumerate(fauna.others)}
    for n, fact in enumerate(facts):
        known = None if known_N is None else float(known_N[n])
        result = posterior(rows_NC[n], known, fauna.evidence(fact.scores))
        rows_NC[n] = result.shares_C
        if known_N is not None:
            known_N[n] = result.known
        for name, share in result.others.items():
            others_NO[n, columns[name]] = share
    return Probabilities(rows_NC, known_N), others_NO


def _positive(names: Sequence[str], shares: Sequence[float]) -> dict[str, float]:
    return {name: share for name, share in zip(names, shares, strict=True) if share > 0}
