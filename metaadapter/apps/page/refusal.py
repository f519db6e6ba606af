"""The error with which the HTTP interface refuses a request."""

from __future__ import annotations

from metaadapter.errors import MetaAdapterError


class Refusal(MetaAdapterError):
    """The reason why a request is refused: a sentence for people, and a kind for programs."""

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.kind = status, kind


def as_sentence(error: MetaAdapterError) -> str:
    """The message of an error, with a capital letter and a full stop."""
    message = str(error)
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."
