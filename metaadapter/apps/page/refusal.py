"""The answer of the HTTP interface to a request that is not carried out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from metaadapter.errors import DataError, MetaAdapterError


class Refusal(MetaAdapterError):
    """A request that is not carried out; the text is a full sentence for a person.

    Attributes:
        status: The HTTP status.
        kind: A word or two for programs.
    """

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.kind = kind


def as_sentence(error: MetaAdapterError) -> str:
    """The message of an error, with a capital letter and a full stop."""
    message = str(error)
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."


@contextmanager
def refuse_if_unsaved() -> Iterator[None]:
    """Turn a failed write into a `Refusal`: the request is valid and may be sent again."""
    try:
        yield
    except DataError as error:
        raise Refusal(503, "not-saved", as_sentence(error)) from error
