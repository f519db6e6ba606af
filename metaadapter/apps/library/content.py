"""The content of the skill file of an adapter, wherever the adapter comes from."""

from __future__ import annotations

from pathlib import Path

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.files import load_adapter, read_card
from metaadapter.adapter.skill import skill_bytes
from metaadapter.errors import UsageError
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.storing import stored_adapter


def skill_content(adapter: MetaAdapterClassifier | str | Path) -> bytes:
    """The content for a classifier, a folder or a skill file, which is taken as it is.

    Raises:
        UsageError: It has parts in the encoder's towers.
        DataError: It is damaged.
        IncompatibleArtifact: The path is no adapter.
    """
    if isinstance(adapter, MetaAdapterClassifier):
        stored = stored_adapter(adapter)
        require_shared_features(stored.config, "the classifier")
        return skill_bytes(stored)
    path = Path(adapter)
    stored = load_adapter(path)
    require_shared_features(stored.config, f"the adapter {path}")
    if path.is_dir():
        return skill_bytes(stored, read_card(path))
    return path.read_bytes()


def require_shared_features(config: AdapterConfig, owner: str) -> None:
    """Check that an adapter answers from features that other adapters can have in common with it.

    A library compares features of one picture with all its entries.

    Raises:
        UsageError: It has parts of its own in the encoder's towers.
    """
    if config.inside is not None:
        raise UsageError(
            f"{owner} has parts of its own in the encoder's towers, and a library holds adapters "
            "that share the features of an encoder as it is: keep it beside the library, or adapt "
            "the same pictures without such parts"
        )
