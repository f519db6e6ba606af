"""Encoded parts that wait until all are encoded; their features are on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO, final

import numpy as np
from jaxtyping import Float32

from metaadapter.data.output_folder import write_errors
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.workflow.prediction_parts import EncodedPart

REMEDY = "name another folder with the environment variable TMPDIR"


@final
class WaitingParts:
    """Parts in the order in which they were added; their features are in a temporary file."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._parts: list[EncodedPart] = []
        self._n = 0
        self._file: IO[bytes] | None = None

    def __enter__(self) -> WaitingParts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, part: EncodedPart) -> None:
        """Keep a part, and move its features to the file; `DataError` if that cannot be written."""
        features = part.pictures.features
        with write_errors("the features of pictures in a temporary file", instead=REMEDY):
            if self._file is None:
                self._file = TemporaryFile()  # noqa: SIM115 — `__exit__` closes it
            self._file.write(np.ascontiguousarray(features, np.float32).data)
            self._file.flush()
        self._n += len(features)
        none = replace(part.pictures, features=features[:0].copy())
        self._parts.append(part._replace(pictures=none))

    def pictures(self) -> EncodedPictures:
        """Return all pictures with their features, which are read from the file when used."""
        joined = EncodedPictures.joined((part.pictures for part in self._parts), width=self._width)
        return replace(joined, features=self._features())

    def parts(self) -> Iterator[EncodedPart]:
        """Yield the parts as they were added."""
        features, start = self._features(), 0
        for part in self._parts:
            stop = start + len(part.pictures)
            some = np.array(features[start:stop])
            yield part._replace(pictures=replace(part.pictures, features=some))
            start = stop

    def _features(self) -> Float32[np.ndarray, "n D"]:
        if self._file is None or not self._n:
            return np.empty((0, self._width), np.float32)
        return np.memmap(self._file, np.float32, "r", shape=(self._n, self._width))
