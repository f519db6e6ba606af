"""`preview.json` in an adapter's folder: its pictures by name and hash, never themselves."""

from __future__ import annotations

import json
from pathlib import Path

from metaadapter.commands.pictures import EncodedPictures
from metaadapter.errors import DataError

__all__ = ["read_support_hashes", "write_preview"]

PREVIEW_FILE = "preview.json"
SCHEMA = "metaadapter.preview/1"


def write_preview(folder: Path, pictures: EncodedPictures) -> None:
    """Write name, label and hash of each picture.

    Raises:
        DataError: the file cannot be written.
    """
    columns = zip(pictures.paths, pictures.labels, pictures.sha256, strict=True)
    listed = [
        {"file": Path(path).name, "label": label, "sha256": sha256}
        for path, label, sha256 in columns
    ]
    text = json.dumps({"schema": SCHEMA, "pictures": listed}, indent=2) + "\n"
    partial = folder / f"{PREVIEW_FILE}.partial"
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(folder / PREVIEW_FILE)
    except OSError as error:
        raise DataError(f"cannot write {folder / PREVIEW_FILE}: {error.strerror}") from error


def read_support_hashes(folder: Path) -> frozenset[str]:
    """Hashes of the support's files; none if the adapter came without a preview."""
    try:
        stored = json.loads((folder / PREVIEW_FILE).read_text(encoding="utf-8"))
        return frozenset(picture["sha256"] for picture in stored["pictures"])
    except (OSError, ValueError, KeyError, TypeError):
        return frozenset()
