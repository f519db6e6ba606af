"""The forms with files, which the framework reads within the limits of the server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Form, Request, Response, UploadFile
from fastapi.routing import APIRoute
from pydantic import Field
from python_multipart.multipart import parse_options_header

from metaadapter.apps.page.dependencies import OpenSession
from metaadapter.apps.page.forms import RequestForm
from metaadapter.apps.page.project import UPLOAD_PREFIX
from metaadapter.apps.page.uploaded_files import not_saved

# Each file of a form may be open at once; a client with more files sends several portions.
MAX_FILES = 50
# The texts of a form, such as the id of a class, and the bytes of one of them.
MAX_TEXTS, MAX_TEXT_BYTES = 8, 65_536
# The last boundary of a form, and what may follow it, which means nothing.
MAX_END_BYTES = 1024


class UploadRoute(APIRoute):
    """A route whose form has a limited number of files and texts."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Read the form of each request within the limits."""
        handle = super().get_route_handler()
        return lambda request: handle(_Portion(request.scope, request.receive))


class _Portion(Request):
    async def stream(self) -> AsyncGenerator[bytes, None]:
        # The framework would take a form without its end, but not the last file in it.
        _, options = parse_options_header(self.headers["content-type"])
        end, last = b"--" + options.get(b"boundary", b"") + b"--", b""
        async for chunk in super().stream():
            last = (last + chunk)[-MAX_END_BYTES:]
            yield chunk
        if end not in last:
            sentence = "The form has no end, so a file of it may be incomplete. Send it again."
            raise Refusal(400, "form", sentence)

    def form(self, **_: Any) -> Any:
        limits = {"max_files": MAX_FILES, "max_fields": MAX_TEXTS}
        return super().form(**limits, max_part_size=MAX_TEXT_BYTES)


class PictureFiles(RequestForm):
    """Pictures, or zip files of pictures; `POST /adapt` takes pictures named CLASS/FILE."""

    pictures: Annotated[list[UploadFile], Field(min_length=1)]


class NewPictures(PictureFiles):
    """Pictures, or zip files of pictures, for the project."""

    class_id: Annotated[
        str,
        Field(
            alias="class",
            description="The id of a class; empty for the tray; `folders`: a class of each folder.",
        ),
    ] = ""
    wait: Annotated[
        str,
        Field(
            description="Any text: none is encoded before the next edit, such as a detector's file."
        ),
    ] = ""


class Question(PictureFiles):
    """Pictures to predict, and a skill file; without it, the open project's adapter is used."""

    adapter: UploadFile | None = None


class DetectorFile(RequestForm):
    """The JSON file of a detector for pictures of the project."""

    detections: UploadFile


OF_FILES = Form(media_type="multipart/form-data")


def upload_folder(session: OpenSession) -> Iterator[Path]:
    """Yield a folder for the files of one request, which is removed after the request."""
    try:
        folder = Path(tempfile.mkdtemp(dir=session.project.incoming, prefix=UPLOAD_PREFIX))
    except OSError as error:
        raise not_saved(error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


UploadFolder = Annotated[Path, Depends(upload_folder)]
