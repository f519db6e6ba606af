"""A library that is asked about picture files: which encoder reads them, and what was noticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import final

from metaadapter.adapter.config import AdapterConfig
from metaadapter.apps.library.library import AdapterLibrary
from metaadapter.data.inputs import UnreadableImage
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.features.device import Precision
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.fingerprint import Fingerprint
from metaadapter.features.image_encoder import ImageEncoder
from metaadapter.workflow.queries import load_base_encoder, read_queries


@final
class AskedLibrary:
    """A library and the encoder of most of its entries, or of those that are of a given one.

    Args:
        library: The library.
        override: The name of an encoder that some of its entries are of, perhaps at another place.
        device: Where to encode.
        precision: The number format to encode in.

    Attributes:
        library: The library.
        config: Facts of one entry of the encoder.
        warnings: What was noticed about pictures so far.
        unreadable: Pictures that could not be read so far.
        left_out: Name → why an entry took no part in the answers so far.

    Raises:
        UsageError: No entry can be used.
        IncompatibleArtifact: No entry is of the encoder that is given.
    """

    def __init__(
        self, library: AdapterLibrary, override: str | None, device: str, precision: Precision
    ) -> None:
        self.library, self._given = library, (override, device, precision)
        self.warnings: list[str] = []
        self.unreadable: list[UnreadableImage] = []
        self.left_out: dict[str, str] = {}
        self._encoder: ImageEncoder | None = None
        firsts = [names[0] for names in library.index().by_encoder()]
        if not firsts:
            raise UsageError(
                f"the library {library.folder} has no entry that can be asked; add one: "
                "metaadapter library add LIBRARY ADAPTER"
            )
        self._entry = firsts[0] if override is None else self._entry_of(firsts)
        self.config: AdapterConfig = library.facts(self._entry)

    @property
    def fingerprint(self) -> Fingerprint | None:
        """The encoder of the features, where it is known."""
        return self.config.origin.fingerprint

    def load(self) -> ImageEncoder:
        """The encoder; errors are those of `load_base_encoder`."""
        if self._encoder is None:
            self._encoder = self._load(self._entry, self.config)
        return self._encoder

    def parts(
        self, images: Sequence[Path], split: str | None, progress: Callable[[Progress], None]
    ) -> Iterator[EncodedPictures]:
        """Features of pictures, folders, manifests and stores; errors are those of `read_queries`.

        Features of another encoder's store are an error, and no store decides which entries answer.
        """
        for part in read_queries(images, self.config, self.load, split=split, progress=progress):
            self.warnings += part.warnings
            self.unreadable += part.quarantined
            yield part

    def leave_out(self, left_out: Mapping[str, str]) -> None:
        """Remember which entries took no part in an answer."""
        self.left_out.update(left_out)

    def require_no_class(self, label: str, *, option: str) -> None:
        """Check that no entry has a class of a name that `option` would answer too.

        Raises:
            UsageError: One has.
        """
        for entry in self.library.index().entries:
            if label in map(str, entry.classes):
                raise UsageError(
                    f"the entry {entry.name!r} has a class {label!r}, which {option} would answer "
                    "too; adapt it again with that folder as --background, or without it"
                )

    def _load(self, name: str, config: AdapterConfig) -> ImageEncoder:
        path = self.library.path(name)
        return load_base_encoder(path, config.origin, config.width, *self._given)

    def _entry_of(self, firsts: Sequence[str]) -> str:
        """The first entry, of one for each encoder, whose encoder is the given one."""
        errors = []
        for name in firsts:
            try:
                self._encoder = self._load(name, self.library.facts(name))
            except IncompatibleArtifact as error:
                errors.append(error)
            else:
                return name
        raise errors[0]
