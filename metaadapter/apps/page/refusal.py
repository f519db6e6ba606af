"""What the HTTP interface answers in place of a result: a status, a kind and a full sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from metaadapter.errors import DataError, MetaAdapterError


class Refusal(MetaAdapterError):
    """A request that is not done, and why.

    Attributes:
        status: The status of HTTP.
        kind: A word or two for programs.
        sentence: What was expected, what came and what to do, for a person.
    """

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.kind = kind
        self.sentence = sentence


@contextmanager
def told_as_unsaved() -> Iterator[None]:
    """What cannot be written is no fault of the request: it may be sent again."""
    try:
        yield
    except DataError as error:
        raise Refusal(503, "not-saved", f"{str(error)[0].upper()}{str(error)[1:]}") from error
