"""The files of an adapter: in a folder, together in one skill file, or on the hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from glob import escape
from pathlib import Path

from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.files.checksums import FileSource, Folder
from metaadapter.files.hub import HubName, fetch, files_in, is_hub_name, some_files
from metaadapter.files.machine_errors import is_shortage, unreadable
from metaadapter.files.stored_zip import StoredZip

CONFIG_FILE, CARD_FILE = "adapter_config.json", "README.md"
WEIGHTS_FILE, SUPPORT_FILE = "adapter_model.safetensors", "support.safetensors"
SIGNATURE_FILE, TOWERS_FILE = "signature.safetensors", "towers.safetensors"
TENSOR_FILES = (WEIGHTS_FILE, SUPPORT_FILE, SIGNATURE_FILE, TOWERS_FILE)
SKILL_SUFFIX = ".adapter"
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

    The path may be the name of an adapter on the hub, which is downloaded.

    The members belong to one version of the file, even if it is replaced while they are read.
    """
    if is_hub_name(path):
        path = downloaded_adapter(path)
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
        raise unreadable(path, error, REMEDY) from error
    except ValueError as error:
        if path.suffix != SKILL_SUFFIX:
            raise IncompatibleArtifact(
                f"{path} is not an adapter: expected a folder or a skill file, as written by "
                f"`metaadapter adapt`, got a file that is not a skill file ({error})"
            ) from error
        raise DataError(f"{path} is damaged or was changed: {error}; {REMEDY}") from error


def downloaded_adapter(name: str | Path) -> Path:
    """Return the folder or skill file of an adapter on the hub, in the hub's cache.

    Args:
        name: hf-hub:ORGANISATION/NAME, the adapter of a repository or its only skill file; or
            hf-hub:ORGANISATION/NAME/FILE.adapter, one of its skill files; perhaps with @REVISION.

    Raises:
        UsageError: There is no such repository or file, or a file must be chosen.
        DataError: It is not on this machine and cannot be downloaded.
        IncompatibleArtifact: The repository holds something else.
    """
    parsed = HubName.parse(name, suffix=SKILL_SUFFIX, like="ORGANISATION/birds")

    owner = f"the adapter {parsed}"
    files = files_in(parsed, owner)
    if skill := _skill_of(parsed, files):
        return fetch(parsed, owner, escape(skill)) / skill
    return fetch(parsed, owner, *MEMBERS)


def adapter_name(path: Path) -> str:
    """Return the name of an adapter by its folder, skill file or repository."""
    if is_hub_name(path):
        parsed = HubName.parse(path, suffix=SKILL_SUFFIX)
        path = Path(parsed.file or parsed.repository)
    return path.resolve().name.removesuffix(SKILL_SUFFIX)


def pinned_adapter(path: Path) -> Path:
    """Return the name of an adapter on the hub with its commit; any other path is unchanged."""
    if not is_hub_name(path):
        return path
    place = downloaded_adapter(path)
    folder = place if place.is_dir() else place.parent
    return Path(str(HubName.parse(path, suffix=SKILL_SUFFIX).at(folder)))


def _skill_of(name: HubName, files: Sequence[str]) -> str:
    """Return the skill file to read; "" if the files are those of an adapter's folder."""
    skills = sorted(file for file in files if file.endswith(SKILL_SUFFIX))
    if name.file:
        if name.file not in files:
            raise UsageError(
                f"{name} is not on the hub: the repository has the skill files "
                f"{', '.join(skills) or 'none'}"
            )
        return name.file
    if CONFIG_FILE in files:
        return ""
    if len(skills) > 1:
        known = "".join(f"\n  {replace(name, file=skill)}" for skill in skills)
        raise UsageError(f"{name} has {len(skills)} skill files; name one of them:{known}")
    if not skills:
        raise IncompatibleArtifact(
            f"{name} is not an adapter: expected {CONFIG_FILE} or NAME{SKILL_SUFFIX} in the "
            f"repository; it has {some_files(files)}"
        )
    return skills[0]
