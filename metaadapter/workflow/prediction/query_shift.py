"""The shift from the labelled pictures of an adapter to those whose labels it predicts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Float

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.unit_rows import unit_rows
from metaadapter.files.user_code import is_user_code
from metaadapter.generator.domain_shift import LEAST_POOL, SHIFTED, domain_shift
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.fit_adapter import CUSTOM
from metaadapter.workflow.pool_gain import pool_gain

# More pictures change the centre little, if they are from all parts of a folder.
MOST_PICTURES = 1000


@dataclass(frozen=True, slots=True)
class QueryShift:
    """The distance of pictures whose labels are predicted from those that the adapter has read."""

    n: int
    """The number of pictures it is measured on."""
    ratio: float
    """The squared distance of the centres / its expectation for pictures of one domain."""
    probability: float
    """The probability that the pictures come from elsewhere: another camera, style or season."""
    of_pool: bool
    """Whether it is the distance from the unlabelled pictures that the adapter has adapted to."""
    gain: float | None = None
    """The accuracy expected to be gained if the adapter learns from these pictures; `None` if they
    do not come from elsewhere, or if nothing shows that it gains."""

    @property
    def is_shifted(self) -> bool:
        """Whether the pictures seem to come from elsewhere."""
        return self.probability > 0.5

    def lines(self, remedy: str) -> list[str]:
        """Return a warning if the pictures come from elsewhere, which ends with what to do.

        The `remedy` makes the adapter learn from these pictures.
        """
        if not self.is_shifted:
            return []
        advice = "Label some of these pictures: nothing else is expected to help"
        if self.gain is not None:
            advice = f"Expected to gain {100 * self.gain:.0f} points of accuracy: {remedy}"
        origin = "unlabelled ones of this adapter" if self.of_pool else "labelled ones"
        return [
            f"these pictures seem to come from elsewhere than the {origin} (another camera, "
            "style or season), or to show none of the classes: shift ratio "
            f"{self.ratio:.1f}, usually below {SHIFTED}. More labels may be wrong than the "
            f"estimate says, and the thresholds of known and of sets do not hold. {advice}"
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "is_shifted": self.is_shifted}


@dataclass(slots=True)
class QuerySample:
    """Keeps features of some pictures whose labels are predicted, to measure their shift.

    These are every picture, or every second, fourth … of many: a folder may be sorted by camera.
    """

    stored: StoredAdapter
    _parts: list[Float[np.ndarray, "n D"]] = field(default_factory=list)
    _n_added: int = 0
    _step: int = 1

    @property
    def _n(self) -> int:
        return sum(map(len, self._parts))

    def add(self, features: Float[np.ndarray, "n D"]) -> None:
        """Add the features of more pictures, or of parts of pictures that boxes cut out."""
        if self.stored.support is None:
            return
        # A copy, because a slice would keep the whole part in memory.
        self._parts.append(features[-self._n_added % self._step :: self._step].copy())
        self._n_added += len(features)
        while self._n > MOST_PICTURES:
            self._parts = [np.concatenate(self._parts)[::2]]
            self._step *= 2

    @property
    def shift(self) -> QueryShift | None:
        """The shift, with the gain of learning from these pictures; `None` if not measured."""
        measured, support, name = self.measured, self.stored.support, self.stored.config.generator
        if measured is None or not measured.is_shifted or name == CUSTOM or is_user_code(name):
            return measured
        assert support is not None
        pool = unit_rows(np.concatenate(self._parts))
        gain = pool_gain(shared_generator(name)[0], support.with_pool(pool))
        return replace(measured, gain=gain)

    @property
    def measured(self) -> QueryShift | None:
        """The shift alone, or `None` if it cannot be measured.

        This needs `LEAST_POOL` pictures, the features of the support, and a labelled picture of
        every class: pictures of a class that has only a name look like pictures from elsewhere.
        """
        support = self.stored.support
        if support is None or self._n < LEAST_POOL or not support.present_TNK.any(-1).all():
            return None
        support, of_pool = support.exact, False
        if support.n_pool:
            shift = domain_shift(support)
            support = shift.move(support, shift.probability_T)
            of_pool = bool(shift.probability_T > 0.5)
        pool = unit_rows(np.concatenate(self._parts)).to(support.text_TND)
        shift = domain_shift(support.with_pool(pool))
        return QueryShift(self._n, float(shift.ratio_T), float(shift.probability_T), of_pool)
