"""The adapter of several entries, kept in the hidden folder of the library until they change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from metaadapter import __version__
from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.layout import SKILL_SUFFIX
from metaadapter.adapter.skill import skill_bytes
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.apps.library.index_file import INDEX_FILE, put_derived
from metaadapter.data.strict_json import json_text
from metaadapter.errors import MetaAdapterError
from metaadapter.generator.pretrained import shared_generator


def merged_file(library: Path, seals: Mapping[str, str]) -> Path:
    """Return the file for the merge of entries, given as name → `seal_of` its file."""
    _, generator = shared_generator("default")
    text = json_text([__version__, generator, sorted(seals.items())])
    name = hashlib.sha256(text.encode()).hexdigest()
    return library / INDEX_FILE.parent / f"{name}{SKILL_SUFFIX}"


def read_merged(file: Path) -> StoredAdapter | None:
    """Read a merged adapter, without support; return `None` if it is missing or damaged."""
    with suppress(MetaAdapterError):
        return load_adapter(file)
    return None


def write_merged(file: Path, merged: StoredAdapter) -> None:
    """Write a merged adapter without its support; if that fails, it is merged again next time."""
    with suppress(OSError, MetaAdapterError):
        put_derived(file, lambda opened: opened.write(skill_bytes(merged, features=False)))
