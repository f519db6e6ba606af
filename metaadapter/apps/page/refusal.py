"""The limits of the server, and the error with which the HTTP interface refuses a request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from metaadapter.errors import MetaAdapterError

PHONE_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest sizes in bytes, and the largest number of files in a zip file."""

    request_bytes: int = 2**32
    """A request with files, one of which may be a zip file."""
    json_bytes: int = 2**23
    """Any other request."""
    picture_bytes: int = 2**26
    archived_files: int = 20_000
    unpacked_bytes: int = 2**33
    """All files of one zip file."""

    @property
    def of_phones(self) -> Limits:
        """The limits for phones, which send some pictures, but no archives."""
        return replace(self, request_bytes=min(PHONE_BYTES, self.request_bytes))


Kind: TypeAlias = Literal[
    "another-project",
    "closed",
    "data",
    "form",
    "host",
    "incompatible-artifact",
    "invalid",
    "left",
    "left-out",
    "machine",
    "method",
    "missing-package",
    "name-reserved",
    "name-separator",
    "name-taken",
    "no-adapter",
    "no-such-advice",
    "no-such-box",
    "no-phone",
    "no-such-class",
    "no-such-path",
    "no-such-picture",
    "no-such-project",
    "no-such-species",
    "not-encoded",
    "not-opened",
    "not-predicted",
    "not-saved",
    "nothing-to-redo",
    "nothing-to-undo",
    "one-label",
    "opening",
    "origin",
    "phone",
    "same-box",
    "same-name",
    "several-in-use",
    "several-labels",
    "project-open",
    "token",
    "too-large",
    "too-many",
    "unexpected",
    "usage",
]
"""The page has words for each kind in every language; see `static/words.de.js`."""


class Refusal(MetaAdapterError):
    """The reason why a request is refused: a sentence for people, and a kind for programs.

    `values` are the names and numbers in the sentence, for pages that say it in another language.
    """

    def __init__(self, status: int, kind: Kind, sentence: str, **values: str | int) -> None:
        super().__init__(sentence)
        self.status, self.kind, self.values = status, kind, values


def as_sentence(error: MetaAdapterError) -> str:
    """The message of an error, with a capital letter and a full stop."""
    message = str(error)
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."


def not_saved(error: OSError) -> Refusal:
    """The refusal of files that cannot be written."""
    sentence = f"The files cannot be written: {error.strerror or error}. Free some space."
    return Refusal(503, "not-saved", sentence)
