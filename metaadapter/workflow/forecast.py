"""The accuracy to expect of new pictures, with the labelled pictures of now and with more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from metaadapter.adapter.support import Support
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fit_adapter import first_of_groups

# Factor of the number of labels → constant and slope by the logarithm of the labelled pictures a
# class of what is added to the logit of the left-out probability (docs/explanation/advice.md).
GAINS = {1: (1.279, -0.374), 2: (1.595, -0.405), 4: (1.937, -0.485), 8: (2.204, -0.569)}
MOST_SHOTS = 16  # of the tasks that gave the constants
# Half of a 90 % interval: a constant, and so many standard errors of as many tosses as pictures.
SPREAD, ERRORS = 0.008, 1.725
MAX_PICTURES = 2048  # more take too long


class Expected(NamedTuple):
    """The accuracy to expect with a multiple of the labelled pictures, with a 90 % interval."""

    times: int
    """The factor of the number of labelled pictures; 1 for those of now."""
    accuracy: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.accuracy:.0%} ({self.low:.0%} to {self.high:.0%})"


def forecast(own_n: Float[np.ndarray, " n"], n_way: int) -> tuple[Expected, ...]:
    """Return the accuracy to expect of new pictures like the labelled ones, the fewest first.

    `own_n` has the probabilities of their own classes for n labelled pictures of `n_way` classes,
    by an adapter without them; nothing is returned for fewer than two pictures a class.
    """
    n = len(own_n)
    if n < 2 * n_way:
        return ()
    p = float(np.clip(own_n.mean(), 0.01, 0.99))
    logit = np.log(p / (1 - p))
    shots = np.log(min(n / n_way, MOST_SHOTS))
    logits = [logit + constant + slope * shots for constant, slope in GAINS.values()]
    expected = []
    for times, accuracy in zip(
        GAINS, 1 / (1 + np.exp(-np.maximum.accumulate(logits))), strict=True
    ):
        half = SPREAD + ERRORS * np.sqrt(accuracy * (1 - accuracy) / n)
        low, high = np.clip([accuracy - half, accuracy + half], 0, 1)
        expected.append(Expected(times, float(accuracy), float(low), float(high)))
    return tuple(expected)


def forecast_of(support: Support, groups: Sequence[str] = ()) -> tuple[Expected, ...]:
    """Return the `forecast` for the task of a support, predicted by the shipped generator.

    Of each of the `groups`, such as a series, only the first picture in a class counts
    (`first_of_groups`). Nothing is returned with several labels a picture, with more than
    `MAX_PICTURES`, or with fewer than two pictures a class.
    """
    if support.has_label_sets or not 1 <= int(support.present_TNK.sum()) <= MAX_PICTURES:
        return ()
    support = support.with_pool(None)
    support = first_of_groups(support, groups) or support
    generator, _ = shared_generator("default")
    assert isinstance(generator, Generator)
    predicted, (_, numbers_n) = generator.left_out(support), support.labelled_rows()
    own_n = predicted.log_p.gather(1, numbers_n[:, None])[:, 0].exp()
    n_way = int(support.present_TNK.any(-1).sum())
    return forecast(own_n[predicted.counts].numpy(), n_way)
