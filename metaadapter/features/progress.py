"""How far a run over pictures is, and what it did, as values: showing them is the caller's job."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from metaadapter.features.store.rows import StoredPicture
from metaadapter.images import UnreadableImage

__all__ = ["EncodeReport", "Progress", "ProgressMeter", "Stage"]

Stage = Literal["hash", "encode"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run over pictures is.

    Attributes:
        stage: "hash" while pictures are compared with what the store holds, then "encode".
        done: Pictures finished in this stage.
        total: Pictures of this stage; in "encode" only those that the store does not hold yet.
        rate: Pictures per second since the stage began.
    """

    stage: Stage
    done: int
    total: int
    rate: float


@dataclass(frozen=True, slots=True)
class EncodeReport:
    """What a run of `encode_to_store` did.

    Attributes:
        n_new: Pictures that went through the encoder.
        n_reused: Pictures whose features were there already, or that are copies of another.
        n_removed: Pictures that the store held before and that are no longer in the table.
        n_total: Pictures in the store now.
        n_dropped: Pictures left out as copies of another.
        duplicates: The groups of pictures of equal bytes, each sorted by path; where copies are
            dropped, the first of each group is kept.
        quarantined: Pictures that could not be read; they are tried again by the next run.
        seconds: The time of the whole run.
        images_per_second: Pictures encoded in a second, without the comparison before.
    """

    n_new: int
    n_reused: int
    n_removed: int
    n_total: int
    n_dropped: int
    duplicates: tuple[tuple[StoredPicture, ...], ...]
    quarantined: tuple[UnreadableImage, ...]
    seconds: float
    images_per_second: float


class ProgressMeter:
    """Counts the pictures of one stage and tells a listener."""

    def __init__(
        self, stage: Stage, total: int, listener: Callable[[Progress], None] | None
    ) -> None:
        self._stage: Stage = stage
        self._total = total
        self._listener = listener
        self._done = 0
        self._started = time.monotonic()

    def advance(self, n_pictures: int) -> None:
        """Count `n_pictures` more as finished."""
        self._done += n_pictures
        if self._listener is not None:
            self._listener(Progress(self._stage, self._done, self._total, self.rate))

    @property
    def rate(self) -> float:
        """Pictures per second so far."""
        return self._done / max(time.monotonic() - self._started, 1e-9)
