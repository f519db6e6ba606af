"""What a library tells of one of its entries without reading its tensors."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from metaadapter.adapter.config import AdapterConfig, read_config
from metaadapter.adapter.layout import CONFIG_FILE, SUPPORT_FILE, open_skill
from metaadapter.errors import MetaAdapterError


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a library, which may be damaged.

    Attributes:
        name: By which it is known.
        file: Its skill file.
        n_bytes: Of the file.
        facts: What it tells of itself; `None` if it cannot be read.
        has_features: Whether it has its support, the features of its labelled pictures.
        damaged: Why it cannot be read; "" if nothing is seen to be wrong. Tensors are looked at
            when they are used, or by `metaadapter doctor --verify LIBRARY`.
    """

    name: str
    file: Path
    n_bytes: int
    facts: AdapterConfig | None
    has_features: bool = False
    damaged: str = ""

    @classmethod
    def of_file(cls, name: str, file: Path) -> Entry:
        """Look at a skill file."""
        n_bytes = 0
        with suppress(OSError):  # of one that has gone meanwhile, as the next lines will tell
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
        """The name of its encoder, where that is known."""
        return self.facts.origin.encoder if self.facts else None
