"""The limits of the server, and the error with which the HTTP interface refuses a request."""

from __future__ import annotations

from dataclasses import dataclass, replace

from starlette.responses import JSONResponse

from metaadapter.errors import MetaAdapterError

PHONE_BYTES = 2**28


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest sizes in bytes."""

    request_bytes: int = 2**32
    """A request with files."""
    json_bytes: int = 2**23
    """Any other request."""
    picture_bytes: int = 2**26

    @property
    def of_phones(self) -> Limits:
        """The limits for phones, which send few pictures at a time."""
        return replace(self, request_bytes=min(PHONE_BYTES, self.request_bytes))


class Refusal(MetaAdapterError):
    """The reason why a request is refused: a sentence for people, and a kind for programs.

    The page has words for each kind in every language; see `static/words.de.json`.
    `values` are the names and numbers in the sentence, for pages that say it in another language.
    """

    def __init__(self, status: int, kind: str, sentence: str, **values: str | int) -> None:
        super().__init__(sentence)
        self.status, self.kind, self.values = status, kind, values

    @property
    def content(self) -> dict[str, object]:
        """The sentence, the kind and the values, for JSON."""
        return {"error": str(self), "kind": self.kind, "values": self.values}


def as_sentence(error: MetaAdapterError) -> str:
    """The message of an error, with a capital letter and a full stop."""
    message = str(error)
    return f"{message[:1].upper()}{message[1:].rstrip('.')}."


def error_response(refusal: Refusal) -> JSONResponse:
    """A refusal as JSON; the connection ends if the body may not have been read."""
    headers = {"Connection": "close"} if refusal.status in (401, 403, 405, 413) else None
    return JSONResponse(refusal.content, refusal.status, headers)
