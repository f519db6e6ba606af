"""An entry of a library: its facts, which need no tensors, and the content of its skill file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sklearn.utils.validation import check_is_fitted

from metaadapter.adapter.config import AdapterConfig, read_config
from metaadapter.adapter.files import load_adapter, read_card
from metaadapter.adapter.layout import CONFIG_FILE, SUPPORT_FILE, downloaded_adapter, open_skill
from metaadapter.adapter.listed_skills import seal_of
from metaadapter.adapter.skill import skill_bytes
from metaadapter.data.given_values import given_path
from metaadapter.data.hub import is_hub_name
from metaadapter.errors import MetaAdapterError, UsageError
from metaadapter.workflow.estimator import MetaAdapterClassifier


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of a library, which may be damaged.

    Tensors are only checked when they are used, or by `metaadapter doctor --verify LIBRARY`.
    """

    name: str
    file: Path
    n_bytes: int
    facts: AdapterConfig | None
    """The configuration of the adapter; `None` if it cannot be read."""
    has_features: bool = False
    """Whether it holds the support, the features of its labelled pictures."""
    damaged: str = ""
    """Why the entry cannot be used; "" if it can."""
    seal: str = ""
    """The `seal_of` the file; "" if it cannot be read."""

    @classmethod
    def of_file(cls, name: str, file: Path) -> Entry:
        """Read the facts in a skill file."""
        n_bytes = 0
        with suppress(OSError):  # if the file has been removed, reading it fails below
            n_bytes = file.stat().st_size
        try:
            place = open_skill(file, CONFIG_FILE)
            facts, _ = read_config(file, place)
        except MetaAdapterError as error:
            return cls(name, file, n_bytes, None, damaged=str(error))
        return cls(name, file, n_bytes, facts, place.has(SUPPORT_FILE), seal=seal_of(place))

    @property
    def n_pictures(self) -> int:
        """The number of labelled pictures that the adapter was predicted from."""
        return sum(self.facts.n_shots) if self.facts else 0

    @property
    def encoder(self) -> str | None:
        """The name of the adapter's encoder, if it is recorded."""
        return self.facts.origin.encoder if self.facts else None


def skill_content(adapter: MetaAdapterClassifier | str | Path) -> bytes:
    """Return the skill file of a classifier or a folder; a skill file is returned unchanged."""
    if isinstance(adapter, MetaAdapterClassifier):
        check_is_fitted(adapter)
        stored = adapter.stored_
        require_shared_features(stored.config, "the classifier")
        return skill_bytes(stored)
    path = given_path(adapter)
    if is_hub_name(path):
        path = downloaded_adapter(path)
    stored = load_adapter(path)
    require_shared_features(stored.config, f"the adapter {path}")
    if path.is_dir():
        return skill_bytes(stored, read_card(path))
    return path.read_bytes()


def require_shared_features(config: AdapterConfig, owner: str) -> None:
    """Raise a `UsageError` for weights inside the towers, because entries share plain features."""
    if config.inside is not None:
        raise UsageError(
            f"{owner} has weights inside the encoder's towers, and a library holds adapters that "
            "share the features of a plain encoder: keep the adapter outside the library, or adapt "
            "again without --inside"
        )
