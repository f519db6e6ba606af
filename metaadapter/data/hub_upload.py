"""Publish files in a repository of the Hugging Face hub, all of them in one commit."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metaadapter.data.hub import (
    SECONDS_TO_WAIT,
    HubName,
    bars_on_a_terminal,
    explain,
    fetch,
    some_files,
)
from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.silence import silence
from metaadapter.data.strict_json import parse_json
from metaadapter.errors import DataError, MetaAdapterError, UsageError

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

CARD_FILE = "README.md"
# Files that every repository may have, whatever else it holds.
ANYWHERE = (CARD_FILE, ".gitattributes", ".gitignore", "LICENSE*", "*.md", "*.png", "*.jpg")
MOST_TEXT = 2**26
LOG_IN = "run `hf auth login`, or set HF_TOKEN to a token that may write"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of artifact in a repository.

    `files` are patterns of the names of its files.
    `config` is the file whose schema begins with `schema`; "" if its names are unmistakable.
    """

    title: str
    files: tuple[str, ...]
    config: str = ""
    schema: str = ""

    def has(self, file: str) -> bool:
        """Return whether a file of this name belongs to such an artifact."""
        return any(fnmatchcase(file, pattern) for pattern in self.files)


@dataclass(frozen=True, slots=True)
class Pushed:
    """A commit with the files of an artifact; `is_private` as the hub says."""

    name: HubName
    url: str
    files: tuple[str, ...]
    is_private: bool


def push_files(
    repository: str,
    kind: Kind,
    contents: Mapping[str, bytes],
    new_card: Callable[[bytes, Mapping[str, Path]], bytes],
    *,
    private: bool = False,
    keeps_others: bool = False,
) -> Pushed:
    """Write files into a repository in one commit, so that a reader gets all of them or none.

    Args:
        repository: ORGANISATION/NAME; it is created if it does not exist.
        kind: The kind of the artifact. Another kind in the repository is not replaced.
        contents: File → content.
        new_card: Maps the card of the repository, empty if it has none, and the other files that
            stay to the new card.
        private: Keep the repository private.
        keeps_others: Keep the files of this kind that are not in `contents`; otherwise the commit
            removes them.

    Raises:
        UsageError: The name is wrong, the repository holds something else, is not private as asked,
            or the token may not write to it.
        DataError: The hub cannot be reached, or somebody changed the repository meanwhile.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    if not re.fullmatch(r"[^/@:\s]+/[^/@:\s]+", repository):
        raise UsageError(
            f"{repository!r} is no repository to push to: expected ORGANISATION/NAME, without a "
            "prefix and without a revision"
        )
    name, api = HubName(repository), HfApi()
    with silence(), bars_on_a_terminal():
        with _explained(name):
            old = _existing(api, name)
            info = old or _created(api, name, private=private)
        with nullcontext() if old else _may_leave_it_empty(name), _explained(name):
            if private and not info.private:
                raise UsageError(
                    f"{repository} is public already, and a private one was asked for; make it "
                    "private in its settings on the hub, or choose another name"
                )
            sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
            assert info.sha is not None  # every answer has it
            at_commit = HubName(name.repository, revision=info.sha)
            _require_kind(at_commit, kind, sizes)
            others = [file for file in sizes if kind.has(file) and file not in contents]
            kept = _fetched(at_commit, others) if keeps_others else {}
            card = new_card(_read(at_commit, CARD_FILE, sizes), kept)
            files = {**contents, CARD_FILE: card}
            removed = [file for file in others if file not in kept]
            commit = api.create_commit(
                name.repository,
                [
                    *(CommitOperationAdd(file, content) for file, content in files.items()),
                    *(CommitOperationDelete(file, is_folder=False) for file in removed),
                ],
                commit_message=f"Push {kind.title} with metaadapter",
                parent_commit=info.sha,
            )
    pushed = HubName(name.repository, revision=commit.oid)
    url = f"{api.endpoint}/{name.repository}"
    return Pushed(pushed, url, tuple(files), bool(info.private))


def _existing(api: Any, name: HubName) -> ModelInfo | None:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info: ModelInfo = api.model_info(
            name.repository, files_metadata=True, timeout=SECONDS_TO_WAIT
        )
    except RepositoryNotFoundError:
        return None
    return info


def _created(api: Any, name: HubName, *, private: bool) -> ModelInfo:
    # Two processes may create it at the same time; the commit says which of them came first.
    api.create_repo(name.repository, private=private or None, exist_ok=True)
    info: ModelInfo = api.model_info(name.repository, files_metadata=True)
    return info


def _require_kind(name: HubName, kind: Kind, sizes: Mapping[str, int]) -> None:
    others = {
        file: size
        for file, size in sizes.items()
        if not kind.has(file) and not any(fnmatchcase(file, known) for known in ANYWHERE)
    }
    schema = ""
    if kind.config in sizes:
        try:
            document = parse_json(_read(name, kind.config, sizes))
            schema = str(document.get("schema")) if isinstance(document, dict) else ""
        except (ValueError, RecursionError):
            pass
        if not schema.startswith(kind.schema):
            others[kind.config] = sizes[kind.config]
    if others:
        raise UsageError(
            f"{name.repository} holds something else than {kind.title}: {some_files(others)}. "
            "Choose a new repository"
        )


def _read(name: HubName, file: str, sizes: Mapping[str, int]) -> bytes:
    if file not in sizes:
        return b""
    if sizes[file] > MOST_TEXT:
        raise DataError(f"{file} of {name} has {sizes[file]:,} bytes, too many for a text")
    return (fetch(name, str(name), file) / file).read_bytes()


def _fetched(name: HubName, files: list[str]) -> dict[str, Path]:
    if not files:
        return {}
    folder = fetch(name, str(name), *map(glob.escape, files))
    return {file: folder / file for file in files}


@contextmanager
def _may_leave_it_empty(name: HubName) -> Iterator[None]:
    try:
        yield
    except MetaAdapterError as error:
        raise type(error)(
            f"{str(error).rstrip('.')}. {name.repository} was created for this push, and may be "
            "empty: push again, or delete it in its settings on the hub"
        ) from error


@contextmanager
def _explained(name: HubName) -> Iterator[None]:
    from huggingface_hub import constants, errors

    where = f"{constants.ENDPOINT}/{name.repository}"
    try:
        yield
    except (MetaAdapterError, AssertionError, AttributeError, KeyError, TypeError):
        raise  # the last four are bugs
    except errors.OfflineModeIsEnabled as error:
        raise DataError(
            f"{where} cannot be written while HF_HUB_OFFLINE=1; unset it, and push again"
        ) from error
    except errors.HFValidationError as error:
        raise explain(name, str(name), error) from error
    except Exception as error:
        if is_shortage(error):
            raise
        raise _refusal(where, error) from error


def _refusal(where: str, error: Any) -> MetaAdapterError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    reason = " ".join(str(error).split())[:300]
    if status in (401, 403):
        return UsageError(f"the hub does not let you write to {where}: {LOG_IN}. It says: {reason}")
    if status in (409, 412):
        return DataError(
            f"somebody changed {where} at the same time; nothing of yours was written. Look at it, "
            f"and push again. The hub says: {reason}"
        )
    return DataError(
        f"could not write to {where}, or got no answer: it has all of the files or none of them. "
        f"Check the network, and push again. The hub says: {reason}"
    )
