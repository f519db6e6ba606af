"""Where an adapter is kept: a folder, or a skill file, which holds the same files in one."""

from __future__ import annotations

from pathlib import Path

from metaadapter.data.places import Folder, Place
from metaadapter.data.refusals import is_shortage
from metaadapter.data.stored_zip import StoredZip
from metaadapter.errors import DataError, IncompatibleArtifact

CONFIG_FILE, CARD_FILE = "adapter_config.json", "README.md"
WEIGHTS_FILE, SUPPORT_FILE = "adapter_model.safetensors", "support.safetensors"
SIGNATURE_FILE, TOWERS_FILE = "signature.safetensors", "towers.safetensors"
SKILL_SUFFIX = ".adapter"
REMEDY = "restore it from a copy, or adapt again"

# What a skill file may hold. Texts become many times as large when they are read, tensors do not;
# a zip file that is read back everywhere ends before 4 GiB.
TEXT_BYTES, TENSOR_BYTES = 2**26, 2**32 - 1
MEMBERS = {
    CONFIG_FILE: TEXT_BYTES,
    WEIGHTS_FILE: TENSOR_BYTES,
    SUPPORT_FILE: TENSOR_BYTES,
    SIGNATURE_FILE: TENSOR_BYTES,
    TOWERS_FILE: TENSOR_BYTES,
    CARD_FILE: TEXT_BYTES,
}


def is_skill(path: Path) -> bool:
    """Whether an adapter at a path is a skill file; its name decides where nothing is there."""
    if path.is_dir():
        return False
    return path.suffix == SKILL_SUFFIX or path.exists()


def adapter_place(path: Path, *names: str) -> Place:
    """Where the files of an adapter are to be read.

    Args:
        path: A folder, or a skill file.
        names: What will be read of a skill file; all but the card by default. All of it is of one
            moment, also where somebody replaces the file meanwhile.

    Raises:
        DataError: A skill file is damaged, or cannot be read.
        IncompatibleArtifact: There is nothing, or a file that is no skill file.
    """
    if not path.is_file():
        return Folder(path)
    return open_skill(path, *(names or (each for each in MEMBERS if each != CARD_FILE)))


def open_skill(path: Path, *names: str) -> StoredZip:
    """Read members of a skill file, all of them by default; errors are those of `adapter_place`."""
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
                f"`metaadapter adapt`, found a file that is neither ({error})"
            ) from error
        raise DataError(f"{path} is damaged or was changed: {error}; {REMEDY}") from error
