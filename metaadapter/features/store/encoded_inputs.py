"""The inputs of a store: the content of each picture, or why it cannot be read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import final

import numpy as np
import pyarrow as pa
from jaxtyping import Float16, Int

from metaadapter.data.inputs import UnreadableImage, inputs_digest
from metaadapter.data.progress import meter
from metaadapter.data.table import ImageRow
from metaadapter.features.encoding_pipeline import Outcome, Pipeline
from metaadapter.features.store.checked_rows import CheckedRows
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.kept_features import KeptFeatures
from metaadapter.features.store.picture_table import table_of
from metaadapter.features.store.stored_pictures import StoredPicture, equal_pictures
from metaadapter.features.store.writer import gathered

# The record of the outcomes of successive inputs.
INPUTS = "inputs"
UNKNOWN = -1


@final
class EncodedInputs:
    """The inputs of a run, by number, with the places of their features; 8 bytes for each input.

    The features of the store before the run come first, then those in `kept`.
    """

    def __init__(
        self, rows: Sequence[ImageRow], kept: KeptFeatures, before: FeatureStore | None
    ) -> None:
        """Read the outcomes of an unfinished run, if these inputs are the same files as then."""
        self._rows, self._kept, self._before = rows, kept, before
        self._hashes = [] if before is None else before.rows.of_pictures("sha256").tolist()
        """The content hashes of the store before."""
        self._stored = {sha256: place for place, sha256 in enumerate(self._hashes)}
        self._places = np.full(len(rows), UNKNOWN, np.int64)
        self._reasons: dict[int, str] = {}
        self._n_done = 0
        """The number of first inputs with an outcome on disk."""
        self._resume()

    def encode(self, pipeline: Pipeline) -> tuple[int, float]:
        """Read each input once, and encode the contents that are new.

        Inputs that an unfinished run could not read are tried again. Return the number of encoded
        contents, and the pictures that were read per second.
        """
        again, n_done = sorted(self._reasons), self._n_done
        numbers = [*again, *range(n_done, len(self._rows))]
        advance = meter("encode", len(self._rows), done=n_done - len(again))
        waiting, n_new, rate = iter(numbers), 0, 0.0
        try:
            for part in pipeline.run((self._rows[n].picture for n in numbers), self._is_known):
                self._kept.add(part.features)
                for outcome in part.outcomes:
                    number = next(waiting)
                    self._set(number, outcome)
                    n_done = max(n_done, number + 1)
                n_new += len(part.features)
                if self._kept.is_due:
                    self._commit(n_done)
                rate = advance(len(part.outcomes))
        finally:
            self._commit(n_done)
        return n_new, rate

    @property
    def quarantined(self) -> tuple[UnreadableImage, ...]:
        """The errors of the unreadable inputs, in order."""
        reasons = sorted(self._reasons.items())
        return tuple(UnreadableImage(self._rows[n].path, reason) for n, reason in reasons)

    def duplicates(self) -> tuple[tuple[tuple[StoredPicture, ...], ...], list[int]]:
        """Return groups of equal pictures, and the numbers of all but the first path of each."""
        numbers = self._readable
        places = self._places[numbers]
        copied = numbers[np.bincount(places)[places] > 1] if len(numbers) else numbers
        pictures = dict(zip(copied.tolist(), self._pictures(copied), strict=True))
        first: dict[str, int] = {}
        for number in sorted(pictures, key=pictures.__getitem__):
            first.setdefault(pictures[number].sha256, number)
        return equal_pictures(pictures.values()), sorted(pictures.keys() - first.values())

    def drop(self, numbers: Collection[int]) -> None:
        """Leave these inputs out of the store."""
        self._places[[*numbers]] = UNKNOWN

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
        sources: list[CheckedRows | np.ndarray] = [self._kept.rows]
        if self._before is not None:
            sources.insert(0, self._before.by_picture())
        return gathered(sources, self._places[self._readable])

    @property
    def _readable(self) -> Int[np.ndarray, " pictures"]:
        return np.flatnonzero(self._places != UNKNOWN)

    def _is_known(self, sha256: str) -> bool:
        return sha256 in self._stored or sha256 in self._kept

    def _sha256(self, number: int) -> str:
        place = int(self._places[number])
        is_stored = place < len(self._hashes)
        return self._hashes[place] if is_stored else self._kept.hashes[place - len(self._hashes)]

    def _pictures(self, numbers: Iterable[int]) -> Iterator[StoredPicture]:
        return (StoredPicture.of(self._rows[number], self._sha256(number)) for number in numbers)

    def _set(self, number: int, outcome: Outcome) -> None:
        self._reasons.pop(number, None)
        if isinstance(outcome, UnreadableImage):
            self._reasons[number] = outcome.reason
        else:
            place = self._stored.get(outcome)
            kept = len(self._hashes) + self._kept.places[outcome] if place is None else place
            self._places[number] = kept

    def _commit(self, n_done: int) -> None:
        """Write the features and the outcomes of the inputs before the number `n_done`."""
        first, numbers = self._n_done, range(self._n_done, n_done)
        value = {
            "first": first,
            "digest": inputs_digest(self._rows[first:n_done]),
            "contents": [None if n in self._reasons else self._sha256(n) for n in numbers],
            "unreadable": [
                {"path": str(self._rows[n].path), "reason": self._reasons[n]}
                for n in numbers
                if n in self._reasons
            ],
        }
        self._kept.commit([(INPUTS, str(first), value)] if numbers else ())
        self._n_done = n_done

    def _resume(self) -> None:
        for record in self._kept.database.records(INPUTS):
            first, contents = record.value["first"], record.value["contents"]
            rows = self._rows[first : first + len(contents)]
            # A record of other inputs is followed by one of what was encoded in their place.
            if (
                first == self._n_done
                and all(sha256 is None or self._is_known(sha256) for sha256 in contents)
                and inputs_digest(rows) == record.value["digest"]
            ):
                unreadable = iter(record.value["unreadable"])
                for number, (row, sha256) in enumerate(zip(rows, contents, strict=True), first):
                    outcome = sha256 or UnreadableImage(row.path, next(unreadable)["reason"])
                    self._set(number, outcome)
                self._n_done += len(rows)
