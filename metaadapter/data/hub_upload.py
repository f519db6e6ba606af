"""Publish files in a repository of the Hugging Face hub, all of them in one commit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from typing import Any

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

CARD_FILE = "README.md"
# Files that every repository may have, whatever else it holds.
ANYWHERE = (CARD_FILE, ".gitattributes", ".gitignore", "LICENSE*", "*.md", "*.png", "*.jpg")
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
    from huggingface_hub.errors import RepositoryNotFoundError

    if not re.fullmatch(r"[^/@:\s]+/[^/@:\s]+", repository):
        raise UsageError(
            f"{repository!r} is no repository to push to: expected ORGANISATION/NAME, without a "
            "prefix and without a revision"
        )
    api = HfApi()
    with silence(), bars_on_a_terminal(), _explained(HubName(repository)):
        try:
            info = api.model_info(repository, timeout=SECONDS_TO_WAIT)
        except RepositoryNotFoundError:
            # Two processes may create it at the same time; the commit says which came first.
            api.create_repo(repository, private=private or None, exist_ok=True)
            info = api.model_info(repository)
        if private and not info.private:
            raise UsageError(
                f"{repository} is public already, and a private one was asked for; make it "
                "private in its settings on the hub, or choose another name"
            )
        name = HubName(repository, revision=info.sha)
        there = {file.rfilename for file in info.siblings or []}
        _require_kind(name, kind, there)
        others = sorted(file for file in there if kind.has(file) and file not in contents)
        kept = {file: _fetched(name, file) for file in others if keeps_others}
        old = _fetched(name, CARD_FILE).read_bytes() if CARD_FILE in there else b""
        files = {**contents, CARD_FILE: new_card(old, kept)}
        commit = api.create_commit(
            repository,
            [
                *(CommitOperationAdd(file, content) for file, content in files.items()),
                *(CommitOperationDelete(file, is_folder=False) for file in others if not kept),
            ],
            commit_message=f"Push {kind.title} with metaadapter",
            parent_commit=info.sha,
        )
    pushed = HubName(repository, revision=commit.oid)
    return Pushed(pushed, f"{api.endpoint}/{repository}", tuple(files), bool(info.private))


def _require_kind(name: HubName, kind: Kind, there: set[str]) -> None:
    known = (*kind.files, *ANYWHERE)
    others = [file for file in there if not any(fnmatchcase(file, pattern) for pattern in known)]
    if kind.config in there:
        try:
            document = parse_json(_fetched(name, kind.config).read_bytes())
            is_ours = str(document["schema"]).startswith(kind.schema)
        except (KeyError, RecursionError, TypeError, ValueError):
            is_ours = False
        others += [kind.config] * (not is_ours)
    if others:
        raise UsageError(
            f"{name.repository} holds something else than {kind.title}: {some_files(others)}. "
            "Choose a new repository"
        )


def _fetched(name: HubName, file: str) -> Path:
    return fetch(name, str(name), escape(file)) / file


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
