"""Picture files as queries for a library: their encoder, warnings and unreadable pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import final

from metaadapter.adapter.config import AdapterConfig
from metaadapter.apps.library.entry import by_encoder
from metaadapter.apps.library.library import AdapterLibrary
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.features.device import Precision
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.prediction.queries import load_base_encoder
from metaadapter.workflow.prediction.query_parts import read_queries


@final
class LibraryQueries:
    """Queries to a library, with a given encoder or that of most entries; collects warnings."""

    def __init__(
        self, library: AdapterLibrary, override: str | None, device: str, precision: Precision
    ) -> None:
        self.library, self._options = library, (override, device, precision)
        self.warnings: list[str] = []
        self.unreadable: list[UnreadableImage] = []
        self.left_out: dict[str, str] = {}
        self._encoder: ImageEncoder | None = None
        firsts = [group[0].name for group in by_encoder(library.entries())]
        if not firsts:
            raise UsageError(
                f"the library {library.folder} has no entry that can be used; add one: "
                "metaadapter library add LIBRARY ADAPTER"
            )
        self._entry = firsts[0] if override is None else self._entry_of(firsts)
        self.config: AdapterConfig = library.facts(self._entry)

    @property
    def fingerprint(self) -> Fingerprint | None:
        """The fingerprint of the encoder, if it is known."""
        return self.config.origin.fingerprint

    def load(self) -> ImageEncoder:
        """Return the encoder, which is loaded once."""
        if self._encoder is None:
            self._encoder = self._load(self._entry, self.config)
        return self._encoder

    def parts(self, images: Sequence[Path]) -> Iterator[EncodedPictures]:
        """Yield the features of pictures, folders, manifests and stores.

        A store of another encoder is an error; it does not change which entries answer.
        """
        for part in read_queries(images, self.config, self.load):
            self.warnings += part.warnings
            self.unreadable += part.quarantined
            yield part

    def _load(self, name: str, config: AdapterConfig) -> ImageEncoder:
        path = self.library.path(name)
        return load_base_encoder(path, config.origin, config.width, *self._options)

    def _entry_of(self, firsts: Sequence[str]) -> str:
        errors = []
        for name in firsts:
            try:
                self._encoder = self._load(name, self.library.facts(name))
            except IncompatibleArtifact as error:
                errors.append(error)
            else:
                return name
        raise errors[0]
