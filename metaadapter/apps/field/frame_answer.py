"""The contents of a frame, from the predictions for its boxes."""

from __future__ import annotations

from collections.abc import Sequence

from metaadapter.apps.field.species import is_nothing
from metaadapter.workflow.predictions import Prediction


def shown_in(of_frame: Sequence[Prediction]) -> list[Prediction]:
    """The predictions of animals, people and vehicles; without any, the surest one of nothing."""
    shown = [prediction for prediction in of_frame if not is_nothing(prediction.label)]
    return shown or [max(of_frame, key=sureness)._replace(box=None)]


def sureness(prediction: Prediction) -> float:
    """The probability of the label times the confidence in its box; the latter alone by a detector.

    Both must hold for the answer to be right, and they come from two programs.
    """
    if prediction.confidence is None or not prediction.probabilities:
        return prediction.probability
    return prediction.probability * prediction.confidence
