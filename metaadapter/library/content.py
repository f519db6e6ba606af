"""The content of the skill file of an adapter, wherever the adapter comes from."""

from __future__ import annotations

from pathlib import Path

from metaadapter.adapter import load_adapter
from metaadapter.adapter.files import read_card
from metaadapter.adapter.skill import skill_bytes
from metaadapter.classifier import MetaAdapterClassifier
from metaadapter.classifier.storing import stored_adapter

__all__ = ["skill_content"]


def skill_content(adapter: MetaAdapterClassifier | str | Path) -> bytes:
    """The content for a classifier, a folder or a skill file, which is taken as it is.

    Raises:
        DataError: It is damaged.
        IncompatibleArtifact: The path is no adapter.
    """
    if isinstance(adapter, MetaAdapterClassifier):
        return skill_bytes(stored_adapter(adapter))
    path = Path(adapter)
    stored = load_adapter(path)
    if path.is_dir():
        return skill_bytes(stored, read_card(path))
    return path.read_bytes()
