"""Predictions of species: those that occur, with SpeciesNet's scores and series."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.field.fauna import Fauna
from metaadapter.apps.field.series import mean_in_series
from metaadapter.apps.field.species import among_possible
from metaadapter.apps.field.species_posterior import posterior
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.workflow.prediction.predictions import (
    Prediction,
    PredictionOptions,
    Probabilities,
    predict_pictures,
)

SOURCE = "SpeciesNet"


def species_answer(prediction: Prediction, others: Mapping[str, float]) -> Prediction:
    """The prediction, or another species (name → probability) that is likelier than every class."""
    known = 1.0 if prediction.known is None else prediction.known
    label = max(others, key=others.__getitem__, default="")
    second = max(prediction.probabilities, key=prediction.probabilities.__getitem__)
    share = known * prediction.probabilities[second]
    if others.get(label, 0.0) <= share:
        return prediction
    return prediction._replace(
        label=label,
        probability=others[label],
        runner_up=second,
        runner_up_probability=share,
        source=SOURCE,
    )


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
    return [
        species_answer(prediction, dict(zip(others, row, strict=True)))
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
