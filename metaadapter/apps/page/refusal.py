"""The answer of the HTTP interface to a request that is not carried out."""

from __future__ import annotations

from metaadapter.errors import MetaAdapterError


class Refusal(MetaAdapterError):
    """A request that is not carried out: a sentence for a person, and a kind for programs."""

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.status, self.kind = status, kind


def as_sentence(error: MetaAdapterError) -> str:
    """The message of an error, with a capital letter and a full stop."""
    message = str(error)
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."
