"""Repositories of the Hugging Face hub as folders in its cache; no file of them is ever run."""

from __future__ import annotations

import glob
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.silence import silence
from metaadapter.errors import DataError, MetaAdapterError, UsageError

PREFIX = "hf-hub:"
# Without an answer within these seconds the hub counts as out of reach, and the cache is read.
SECONDS_TO_WAIT = 10.0
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class HubName:
    """The parts of hf-hub:ORGANISATION/NAME, perhaps with /FILE and @REVISION."""

    repository: str
    file: str = ""
    revision: str | None = None

    @classmethod
    def parse(cls, name: str | Path, *, suffix: str = "", like: str = "") -> HubName:
        """Read a name; a file in the repository may be named if a `suffix` is given, which it has.

        Raises:
            UsageError: The name has another form; the message shows one that is `like` it.
        """
        text = name.as_posix() if isinstance(name, Path) else name
        place, _, revision = text.removeprefix(PREFIX).partition("@")
        parts = place.split("/")
        file = parts.pop() if suffix and len(parts) == 3 and place.endswith(suffix) else ""
        if len(parts) != 2 or not all(parts):
            raise UsageError(
                f"{text!r} names no model of the hub: expected {PREFIX}ORGANISATION/NAME as in "
                f"{PREFIX}{like or 'imageomics/bioclip-2'}, perhaps with @REVISION"
            )
        return cls("/".join(parts), file, revision or None)

    def __str__(self) -> str:
        file = f"/{self.file}" if self.file else ""
        revision = f"@{self.revision}" if self.revision else ""
        return f"{PREFIX}{self.repository}{file}{revision}"

    def at(self, folder: Path) -> HubName:
        """Return this name with the commit of a folder in the cache, which is named by it."""
        return replace(self, revision=folder.name)


def is_hub_name(name: str | Path) -> bool:
    """Return whether a name, or a path that was made of one, is that of a repository."""
    return (name.as_posix() if isinstance(name, Path) else name).startswith(PREFIX)


def place_of(name: str | Path, revision: str | None) -> Path:
    """Return a folder or file of this machine, or the path of hf-hub:NAME@REVISION.

    A name without the prefix means the hub if nothing of that name is on this machine.
    """
    if revision is None and (is_hub_name(name) or Path(name).exists()):
        return Path(name)
    text = str(name).removeprefix(PREFIX)
    if revision is not None and "@" in text:
        raise UsageError(f"{name} names a revision already; leave revision={revision!r} out")
    return Path(f"{PREFIX}{text}" + (f"@{revision}" if revision else ""))


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A folder in the cache of the hub, and the names of those files in it that were chosen."""

    folder: Path
    files: tuple[str, ...]


_downloaded: dict[tuple[str, HubName], Downloaded] = {}


def download(
    name: HubName,
    kind: str,
    choose: Callable[[Mapping[str, int]], Mapping[str, int]],
    *,
    named_by: str = "",
) -> Downloaded:
    """Return the folder of a repository in the cache of the hub, after fetching some files.

    A process asks the hub once for each name, so that the revision does not change halfway.
    Without a network, or with HF_HUB_OFFLINE=1, the cache must have the files.

    Args:
        name: The repository and the revision: a branch, a tag or a commit.
        kind: The noun for it in messages, as in "adapter".
        choose: Maps file → bytes of all files to file → most bytes of the files to fetch. Only
            files that lie in no folder are given to it.
        named_by: The artifact that names the repository, "" if the user does. A warning then says
            what is fetched from where.

    Raises:
        UsageError: There is no such repository or revision, or the token gives no access to it.
        DataError: A file is too large, or the hub cannot be reached and the cache lacks a file.
    """
    if (kind, name) not in _downloaded:
        downloaded = _download(name, f"the {kind} {name}", choose, named_by)
        # The commit that was found is the one that the rest of this process reads.
        for known in (name, name.at(downloaded.folder)):
            _downloaded[kind, known] = downloaded
    return _downloaded[kind, name]


def forget_downloads() -> None:
    """Ask the hub again, for example in a process that runs for days."""
    _downloaded.clear()


def _download(
    name: HubName,
    owner: str,
    choose: Callable[[Mapping[str, int]], Mapping[str, int]],
    named_by: str,
) -> Downloaded:
    try:
        with silence():
            sizes = _listed(name)
    except Exception as error:
        if is_shortage(error):
            raise
        folder = cached_folder(name)
        if folder is None:
            raise explain(name, owner, error) from error
        return Downloaded(folder, tuple(choose(_sizes_in(folder))))
    largest = choose(sizes)
    _require_small(sizes, largest, owner)
    if named_by:
        _warn_of_download(name, owner, named_by, {file: sizes.get(file, 0) for file in largest})
    folder = fetch(name, owner, *map(glob.escape, largest))
    _require_small(_sizes_in(folder), largest, owner)  # the branch may have moved meanwhile
    return Downloaded(folder, tuple(largest))


def _warn_of_download(name: HubName, owner: str, named_by: str, sizes: Mapping[str, int]) -> None:
    from huggingface_hub import constants

    cached = cached_folder(name)
    n_bytes = sum(
        size for file, size in sizes.items() if cached is None or not (cached / file).exists()
    )
    if n_bytes:
        warnings.warn(
            f"{named_by} names {owner}, which is not on this machine: {n_bytes / 1e6:,.1f} MB are "
            f"fetched from {constants.ENDPOINT}/{name.repository} into {constants.HF_HUB_CACHE}",
            stacklevel=2,
        )


def _listed(name: HubName) -> dict[str, int]:
    """Return file → bytes of the files on the hub that lie in no folder."""
    from huggingface_hub import HfApi

    info = HfApi().model_info(
        name.repository, revision=name.revision, files_metadata=True, timeout=SECONDS_TO_WAIT
    )
    files = {file.rfilename: file.size or 0 for file in info.siblings or []}
    return {file: size for file, size in files.items() if not re.search(r"[/\\]", file)}


def _sizes_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}


def _require_small(sizes: Mapping[str, int], largest: Mapping[str, int], owner: str) -> None:
    for file, limit in largest.items():
        if (size := sizes.get(file, 0)) > limit:
            raise DataError(
                f"{file} of {owner} has {size:,} bytes, and such a file has at most {limit:,}; it "
                "is not used"
            )


def cached_folder(name: HubName) -> Path | None:
    """Return the folder of a revision in the cache of the hub, which may lack files; None if none.

    Nothing is downloaded.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        with silence():
            folder = snapshot_download(
                name.repository, revision=name.revision, local_files_only=True, allow_patterns=[]
            )
    except (HFValidationError, LocalEntryNotFoundError):
        return None
    return Path(folder)


def fetch(name: HubName, owner: str, *patterns: str) -> Path:
    """Fetch the files of these patterns that lie in no folder, and return the folder of all."""
    from huggingface_hub import snapshot_download

    with silence(), bars_on_a_terminal():
        try:
            folder = snapshot_download(
                name.repository,
                revision=name.revision,
                allow_patterns=list(patterns),
                ignore_patterns=["*/*"],
            )
        except Exception as error:
            if is_shortage(error):
                raise
            raise explain(name, owner, error) from error
    return Path(folder)


@contextmanager
def bars_on_a_terminal() -> Iterator[None]:
    """Let the hub show progress in this block only if somebody sees it."""
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if are_progress_bars_disabled() or sys.stderr.isatty():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@contextmanager
def cache_alone_if_unreachable() -> Iterator[None]:
    """Let other libraries read the cache alone in this block if the hub cannot be reached.

    Otherwise requests for a file that the cache lacks are repeated for most of a minute.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or _answers():
        yield
        return
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = False


def _answers() -> bool:
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=SECONDS_TO_WAIT)  # any answer will do
    except Exception as error:
        if is_shortage(error):
            raise
        return False
    return True


def explain(name: HubName, owner: str, error: Any) -> MetaAdapterError:
    """Return the error to raise in place of one that a request to the hub raised."""
    from huggingface_hub import constants, errors

    reason = " ".join(str(error).split())[:300]
    if isinstance(error, errors.GatedRepoError):
        return DataError(
            f"the hub gives {name} only to people who accept its licence: accept it at "
            f"{constants.ENDPOINT}/{name.repository}, then run `hf auth login`"
        )
    if isinstance(
        error,
        errors.RepositoryNotFoundError | errors.RevisionNotFoundError | errors.HFValidationError,
    ):
        return UsageError(
            f"the hub has no model {name}, or keeps it private: then run `hf auth login`, or set "
            f"HF_TOKEN to a token that may read it. The hub says: {reason}"
        )
    pinned = f" --revision {name.revision}" if name.revision else ""
    folder = name.repository.partition("/")[2]
    return DataError(
        f"{owner} is not on this machine and could not be downloaded. On a machine with "
        f"a network run `hf download {name.repository}{pinned} --local-dir {folder}`, "
        f"copy that folder here and give its path in place of the name. The hub says: {reason}"
    )


def some_files(sizes: Mapping[str, int]) -> str:
    """Return the names of the first files, for a message."""
    more = f" and {len(sizes) - MOST_NAMED} more" if len(sizes) > MOST_NAMED else ""
    return ", ".join(sorted(sizes)[:MOST_NAMED]) + more if sizes else "no files"
