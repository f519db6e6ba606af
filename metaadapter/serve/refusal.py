"""What the HTTP interface answers in place of a result: a status, a kind and a full sentence."""

from __future__ import annotations

from metaadapter.errors import MetaAdapterError

__all__ = ["Refusal"]


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
