"""The files of an adapter, which lie in a folder or together in one skill file."""

from __future__ import annotations

from pathlib import Path

from metaadapter.data.checksums import FileSource, Folder
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.stored_zip import StoredZip
from metaadapter.data.strict_json import parse_json
from metaadapter.errors import DataError, IncompatibleArtifact, MetaAdapterError

CONFIG_FILE, CARD_FILE = "adapter_config.json", "README.md"
WEIGHTS_FILE, SUPPORT_FILE = "adapter_model.safetensors", "support.safetensors"
SIGNATURE_FILE, TOWERS_FILE = "signature.safetensors", "towers.safetensors"
TENSOR_FILES = (WEIGHTS_FILE, SUPPORT_FILE, SIGNATURE_FILE, TOWERS_FILE)
SKILL_SUFFIX = ".adapter"
CAPTION_SCHEMA = "metaadapter.caption_adapter/1"
REMEDY = "restore it from a copy, or adapt again"

# The largest members of a skill file, in bytes. Parsed text takes many times its size in memory,
# tensors do not. A ZIP file that every program can read is smaller than 4 GiB.
TEXT_BYTES, TENSOR_BYTES = 2**26, 2**32 - 1
MEMBERS = {
    CONFIG_FILE: TEXT_BYTES,
    **dict.fromkeys(TENSOR_FILES, TENSOR_BYTES),
    CARD_FILE: TEXT_BYTES,
}


def is_skill(path: Path) -> bool:
    """Return whether an adapter at a path is a skill file; for a new path the suffix decides."""
    if path.is_dir():
        return False
    return path.suffix == SKILL_SUFFIX or path.exists()


def open_adapter(path: Path, *names: str) -> FileSource:
    """Open a folder, or read these members of a skill file, by default all except the card.

    The members belong to one version of the file, even if it is replaced while they are read.
    """
    if not path.is_file():
        return Folder(path)
    return open_skill(path, *(names or (name for name in MEMBERS if name != CARD_FILE)))


def open_skill(path: Path, *names: str) -> StoredZip:
    """Read members of a skill file, by default all; a `MetaAdapterError` says why it fails."""
    try:
        return StoredZip.open(path, MEMBERS, names or None)
    except OSError as error:
        if is_shortage(error):
            raise
        raise DataError(f"cannot read {path}: {error.strerror or error}; {REMEDY}") from error
    except ValueError as error:
        if path.suffix != SKILL_SUFFIX:
            raise IncompatibleArtifact(
                f"{path} is not an adapter: expected a folder or a skill file, as written by "
                f"`metaadapter adapt`, got a file that is not a skill file ({error})"
            ) from error
        raise DataError(f"{path} is damaged or was changed: {error}; {REMEDY}") from error


def is_caption_adapter(path: Path, place: FileSource | None = None) -> bool:
    """Return whether an adapter ranks captions; `False` if unreadable. Checks no hashes."""
    try:
        facts = parse_json((place or open_adapter(path, CONFIG_FILE)).read(CONFIG_FILE))
    except (MetaAdapterError, OSError, ValueError, RecursionError):
        return False
    return isinstance(facts, dict) and facts.get("schema") == CAPTION_SCHEMA
