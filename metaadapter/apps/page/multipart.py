"""Multipart forms, written from the network to the disk piece by piece.

The parser of Starlette keeps a file open for every part, and a megabyte of every part in memory.
This parser keeps one file open at a time, and its memory does not grow with the request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from metaadapter.apps.page.refusal import Refusal

MAX_TEXT_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest sizes in bytes, and the largest numbers of files, that the server accepts."""

    request_bytes: int = 2**32
    """A request with files."""
    json_bytes: int = 2**23
    """Any other request."""
    files: int = 5000
    archive_bytes: int = 2**32
    """An uploaded file, which may be a zip file."""
    picture_bytes: int = 2**26
    archived_files: int = 20_000
    unpacked_bytes: int = 2**33
    """All files of one zip file."""


class FormFile(NamedTuple):
    """A file of a form: its field, its name as the client gave it, and its content on disk."""

    field: str
    name: str
    path: Path


@dataclass(slots=True)
class Form:
    """The texts of a form by their fields, and its files."""

    texts: dict[str, str] = field(default_factory=dict)
    files: list[FormFile] = field(default_factory=list)


async def receive_form(
    content_type: str, stream: AsyncIterator[bytes], folder: Path, limits: Limits
) -> Form:
    """Receive a form of type multipart/form-data; write its files to `folder` as 0, 1 and so on."""
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise Refusal(
            415,
            "media-type",
            "Expected a form of type multipart/form-data, as `curl -F` sends it, but the request "
            f"is of type {content_type[:80]!r}.",
        )
    parts = _Parts(folder, limits)
    try:
        parser = MultipartParser(
            options[b"boundary"],
            {
                "on_part_begin": parts.begin,
                "on_header_field": partial(parts.header, 0),
                "on_header_value": partial(parts.header, 1),
                "on_header_end": parts.header_end,
                "on_headers_finished": parts.headers_finished,
                "on_part_data": parts.data,
                "on_part_end": parts.end,
                "on_end": parts.finish,
            },
        )
        async for piece in stream:
            parser.write(piece)
        parser.finalize()
    except FormParserError as error:
        raise Refusal(400, "form", f"The form cannot be read: {error}.") from error
    finally:
        parts.close()
    if not parts.finished:
        raise Refusal(400, "form", "The form is cut off: its last boundary is missing.")
    return parts.form


class _Parts:
    """The callbacks of the parser, which receive one part after the other."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.form = Form()
        self.finished = False
        self._folder, self._limits = folder, limits
        self._file: IO[bytes] | None = None
        self._text = bytearray()
        self._size = self._header_size = self._n_parts = 0
        self._field = ""
        self._header = [b"", b""]
        """The name and the value of the header that is being received."""
        self._disposition = b""

    def begin(self) -> None:
        self._n_parts += 1
        if self._n_parts > self._limits.files:
            raise Refusal(
                413,
                "too-many",
                f"A request may hold at most {self._limits.files:,} files. Send them in several "
                "requests, or in a zip file.",
                most=self._limits.files,
            )
        self._header, self._disposition = [b"", b""], b""
        self._size = self._header_size = 0
        self._text.clear()

    def header(self, part: int, data: bytes, start: int, end: int) -> None:
        self._header_size += end - start
        if self._header_size > MAX_TEXT_BYTES:
            raise Refusal(413, "too-large", "The header of a part of the form is too long.")
        self._header[part] += data[start:end]

    def header_end(self) -> None:
        name, value = self._header
        if name.lower() == b"content-disposition":
            self._disposition = value
        self._header = [b"", b""]

    def headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise Refusal(400, "form", "The form cannot be read: a part of it has no name.")
        self._field = options[b"name"].decode(errors="replace")
        if b"filename" in options:
            path = self._folder / str(len(self.form.files))
            name = options[b"filename"].decode(errors="replace")
            self.form.files.append(FormFile(self._field, name, path))
            self._file = path.open("wb")

    def data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._file is None:
            if self._size > MAX_TEXT_BYTES:
                raise Refusal(413, "too-large", f"The field {self._field[:80]!r} is too long.")
            self._text += data[start:end]
        elif self._size > self._limits.archive_bytes:
            raise Refusal(
                413,
                "too-large",
                f"A file may have at most {self._limits.archive_bytes:,} bytes; send smaller ones.",
            )
        else:
            self._file.write(data[start:end])

    def end(self) -> None:
        if self._file is None:
            self.form.texts[self._field] = self._text.decode(errors="replace")
        self.close()

    def finish(self) -> None:
        self.finished = True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
