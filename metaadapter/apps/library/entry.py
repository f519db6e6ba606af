"""The facts of an entry that need no tensors."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from metaadapter.adapter.config import AdapterConfig, read_config
from metaadapter.adapter.layout import CONFIG_FILE, SUPPORT_FILE, open_skill
from metaadapter.errors import MetaAdapterError


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a library, which may be damaged.

    Attributes:
        name: Its name.
        file: Its skill file.
        n_bytes: The size of the file.
        facts: Its configuration; `None` if it cannot be read.
        has_features: Whether it has its support, the features of its labelled pictures.
        damaged: Why it cannot be read; "" if no fault was found. Tensors are only checked when
            they are used, or by `metaadapter doctor --verify LIBRARY`.
    """

    name: str
    file: Path
    n_bytes: int
    facts: AdapterConfig | None
    has_features: bool = False
    damaged: str = ""

    @classmethod
    def of_file(cls, name: str, file: Path) -> Entry:
        """Read the entry of a skill file."""
        n_bytes = 0
        with suppress(OSError):  # if the file has been removed, reading it fails below
            n_bytes = file.stat().st_size
        try:
            place = open_skill(file, CONFIG_FILE)
            facts, _ = read_config(file, place)
        except MetaAdapterError as error:
            return cls(name, file, n_bytes, None, damaged=str(error))
        return cls(name, file, n_bytes, facts, place.has(SUPPORT_FILE))

    @property
    def n_pictures(self) -> int:
        """The number of labelled pictures that it was predicted from."""
        return sum(self.facts.n_shots) if self.facts else 0

    @property
    def encoder(self) -> str | None:
        """The name of its encoder, if that is recorded."""
        return self.facts.origin.encoder if self.facts else None
