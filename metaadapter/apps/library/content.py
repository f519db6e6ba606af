"""The content of a skill file, made from a classifier, a folder or another skill file."""

from __future__ import annotations

from pathlib import Path

from sklearn.utils.validation import check_is_fitted

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.files import load_adapter, read_card
from metaadapter.adapter.skill import skill_bytes
from metaadapter.errors import UsageError
from metaadapter.workflow.estimator import MetaAdapterClassifier


def skill_content(adapter: MetaAdapterClassifier | str | Path) -> bytes:
    """The bytes for a classifier or a folder; those of a skill file are not changed.

    Raises:
        UsageError: The adapter has weights inside the encoder's towers.
        DataError: It is damaged.
        IncompatibleArtifact: The path is not an adapter.
    """
    if isinstance(adapter, MetaAdapterClassifier):
        check_is_fitted(adapter)
        stored = adapter.stored_
        require_shared_features(stored.config, "the classifier")
        return skill_bytes(stored)
    path = Path(adapter)
    stored = load_adapter(path)
    require_shared_features(stored.config, f"the adapter {path}")
    if path.is_dir():
        return skill_bytes(stored, read_card(path))
    return path.read_bytes()


def require_shared_features(config: AdapterConfig, owner: str) -> None:
    """Check that an adapter works on the plain features of its encoder.

    A library compares the features of a picture with all its entries.

    Raises:
        UsageError: The adapter has weights inside the encoder's towers.
    """
    if config.inside is not None:
        raise UsageError(
            f"{owner} has weights inside the encoder's towers, and a library holds adapters that "
            "share the features of a plain encoder: keep it outside the library, or adapt the same "
            "pictures without such weights"
        )
