"""The inputs of a store: the content of each picture, or why it cannot be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import final

import numpy as np
import pyarrow as pa
from jaxtyping import Float16, Int

from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.table import ImageRow
from metaadapter.features.encoding_pipeline import Outcome, Pipeline
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.kept_features import KeptFeatures
from metaadapter.features.store.picture_facts import PictureFacts, equal_pictures
from metaadapter.features.store.picture_table import table_of
from metaadapter.features.store.writer import gathered
from metaadapter.files.progress import meter

UNKNOWN = -1


@final
class EncodedInputs:
    """The inputs of a run, by number, with the places of their features; 8 bytes for each input.

    The features of the store before the run come first, then those in `kept`.
    """

    def __init__(
        self, rows: Sequence[ImageRow], kept: KeptFeatures, before: FeatureStore | None
    ) -> None:
        self._rows, self._kept, self._before = rows, kept, before
        self._hashes = [] if before is None else before.rows.of_pictures("sha256").tolist()
        """The content hashes of the store before."""
        self._stored = {sha256: place for place, sha256 in enumerate(self._hashes)}
        self._places = np.full(len(rows), UNKNOWN, np.int64)
        self._reasons: dict[int, str] = {}

    def encode(self, pipeline: Pipeline) -> tuple[int, float]:
        """Read each input once, and encode the contents that are new.

        Return the number of encoded contents, and the pictures that were read per second.
        """
        number, n_new, rate = 0, 0, 0.0
        advance = meter("encode", len(self._rows))
        try:
            pictures = (row.picture for row in self._rows)
            for part in pipeline.run(pictures, self._is_known):
                self._kept.add(part.features)
                for outcome in part.outcomes:
                    self._set(number, outcome)
                    number += 1
                n_new += len(part.features)
                if self._kept.is_due:
                    self._kept.commit()
                rate = advance(len(part.outcomes))
        finally:
            self._kept.commit()
        return n_new, rate

    @property
    def quarantined(self) -> tuple[UnreadableImage, ...]:
        """The errors of the unreadable inputs, in order."""
        return tuple(UnreadableImage(self._rows[n].path, why) for n, why in self._reasons.items())

    def duplicates(self) -> tuple[tuple[PictureFacts, ...], ...]:
        """Return groups of equal pictures."""
        numbers = self._readable
        places = self._places[numbers]
        copied = numbers[np.bincount(places)[places] > 1] if len(numbers) else numbers
        return equal_pictures(self._pictures(copied))

    @property
    def n_pictures(self) -> int:
        """The number of pictures of the store."""
        return len(self._readable)

    @property
    def n_removed(self) -> int:
        """The number of contents of the store before that are not in the new one."""
        stays = np.isin([*self._stored.values()], self._places)
        return int(len(stays) - stays.sum())

    @cached_property
    def table(self) -> pa.Table:
        """The table of the store's pictures."""
        return table_of(self._pictures(self._readable))

    def features(self) -> Iterator[Float16[np.ndarray, "some views dim"]]:
        """Yield the features of the store's pictures, some at a time."""
        before = [] if self._before is None else [self._before.by_picture()]
        return gathered([*before, self._kept.rows], self._places[self._readable])

    @property
    def _readable(self) -> Int[np.ndarray, " pictures"]:
        return np.flatnonzero(self._places != UNKNOWN)

    def _is_known(self, sha256: str) -> bool:
        return sha256 in self._stored or sha256 in self._kept.places

    def _sha256(self, number: int) -> str:
        place = int(self._places[number])
        is_stored = place < len(self._hashes)
        return self._hashes[place] if is_stored else self._kept.hashes[place - len(self._hashes)]

    def _pictures(self, numbers: Iterable[int]) -> Iterator[PictureFacts]:
        return (PictureFacts.of(self._rows[number], self._sha256(number)) for number in numbers)

    def _set(self, number: int, outcome: Outcome) -> None:
        if isinstance(outcome, UnreadableImage):
            self._reasons[number] = outcome.reason
        elif (place := self._stored.get(outcome)) is not None:
            self._places[number] = place
        else:
            self._places[number] = len(self._hashes) + self._kept.places[outcome]
