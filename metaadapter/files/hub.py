"""Repositories of the Hugging Face hub as folders in its cache; no file of them is ever run."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from metaadapter.errors import DataError, MetaAdapterError, UsageError
from metaadapter.files.machine_errors import is_shortage
from metaadapter.files.silence import silence

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


@cache
def files_in(name: HubName, owner: str) -> tuple[str, ...]:
    """Return the names of the files of a repository that lie in no folder.

    A process asks the hub once, so that the revision does not change halfway. Without a network, or
    with HF_HUB_OFFLINE=1, the files in the cache are listed. The errors are those of `fetch`.
    """
    from huggingface_hub import HfApi

    try:
        with silence():
            info = HfApi().model_info(
                name.repository, revision=name.revision, timeout=SECONDS_TO_WAIT
            )
        files = [file.rfilename for file in info.siblings or []]
    except Exception as error:
        if is_shortage(error):
            raise
        folder = cached_folder(name)
        if folder is None:
            raise explain(name, owner, error) from error
        files = [path.name for path in folder.iterdir() if path.is_file()]
    return tuple(sorted(file for file in files if not {"/", "\\"} & set(file)))


@cache
def fetch(name: HubName, owner: str, *patterns: str) -> Path:
    """Fetch the files of these patterns that lie in no folder, and return the folder of all.

    Args:
        name: The repository and the revision: a branch, a tag or a commit.
        owner: The artifact in messages, as in "the adapter hf-hub:acme/birds".
        patterns: Names of files, or patterns of them.

    Raises:
        UsageError: There is no such repository or revision, or the token gives no access to it.
        DataError: The hub cannot be reached, and the cache lacks the repository.
    """
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
    from huggingface_hub import constants, get_session

    was_offline = constants.HF_HUB_OFFLINE
    try:
        if not was_offline:
            get_session().head(constants.ENDPOINT, timeout=SECONDS_TO_WAIT)  # any answer will do
    except Exception as error:
        if is_shortage(error):
            raise
        constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = was_offline


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


def some_files(files: Sequence[str]) -> str:
    """Return the names of the first files, for a message."""
    more = f" and {len(files) - MOST_NAMED} more" if len(files) > MOST_NAMED else ""
    return ", ".join(sorted(files)[:MOST_NAMED]) + more if files else "no files"
