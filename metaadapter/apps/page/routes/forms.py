"""The forms that routes take; those with files have limits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal, TypeAlias
from unicodedata import category

from fastapi import Form, Request, Response, UploadFile
from fastapi.routing import APIRoute
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from metaadapter.files.plain_text import one_line

MAX_NAME_LENGTH, MAX_DESCRIPTION_LENGTH = 120, 10_000
MAX_PICTURES, MAX_CLASSES = 200_000, 1000
# They join or part the letters of some scripts; other invisible characters say nothing in a name.
JOINERS = "\u200c\u200d"


def _plain(text: str) -> str:
    visible = "".join(letter for letter in text if letter in JOINERS or category(letter) != "Cf")
    plain = one_line(" ".join(visible.split()))
    if not plain:
        raise ValueError("a name must not be empty")
    return plain


Name = Annotated[str, Field(max_length=MAX_NAME_LENGTH), AfterValidator(_plain)]
Description = Annotated[str, Field(max_length=MAX_DESCRIPTION_LENGTH)]
PictureId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Field(description="The id of a picture: its SHA-256."),
]
ClassId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{1,32}$"),
    Field(description="The id of a class."),
]


Label = ClassId | Literal["none"] | None | Annotated[list[ClassId], Field(max_length=MAX_CLASSES)]
"""The id of a class, "none" for none of the classes, or `None` for the tray; a list of ids in a
project of several labels."""


Reply: TypeAlias = dict[str, Any]
"""The JSON object of a response; that of an edit has the new `revision` of the project."""


class RequestForm(BaseModel):
    """The body of a request; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Pictures(RequestForm):
    """The ids of pictures."""

    pictures: Annotated[list[PictureId], Field(max_length=MAX_PICTURES)]


class NewClass(RequestForm):
    """A new class; a client that has to know its `id` at once may choose it."""

    id: ClassId | None = None
    name: Name
    description: Description = ""


class ClassChange(RequestForm):
    """A change of a class; a part that is left out stays as it is."""

    name: Name | None = None
    description: Description | None = None


class Labelled(RequestForm):
    """Picture → label.

    A label is the id of a class, "none" for none of the classes, or `null` for the tray; in a
    project of several labels also a list of ids, of which none means "none".
    """

    labels: Annotated[dict[PictureId, Label], Field(max_length=MAX_PICTURES)]


class Labelling(RequestForm):
    """Whether a picture can show several of the classes."""

    several: bool


# Each file of a form may be open at once; a client with more files sends several portions.
MAX_FILES = 50
# The texts of a form, such as the id of a class, and the bytes of one of them.
MAX_TEXTS, MAX_TEXT_BYTES = 8, 65_536


class UploadRoute(APIRoute):
    """A route whose form has a limited number of files and texts."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Read the form of each request within the limits."""
        handle = super().get_route_handler()

        async def handle_portion(request: Request) -> Response:
            return await handle(_Portion(request.scope, request.receive))

        return handle_portion


class _Portion(Request):
    def form(self, **_: Any) -> Any:
        limits = {"max_files": MAX_FILES, "max_fields": MAX_TEXTS}
        return super().form(**limits, max_part_size=MAX_TEXT_BYTES)


class PictureFiles(RequestForm):
    """Pictures."""

    pictures: Annotated[list[UploadFile], Field(min_length=1)]


class NewPictures(PictureFiles):
    """Pictures for the project."""

    class_id: Annotated[
        str,
        Field(
            alias="class",
            description="The id of a class; empty for the tray; `folders`: a class of each folder.",
        ),
    ] = ""
    drop: Annotated[
        str,
        Field(
            description="Any text: requests with the same one are one edit, until it is undone.",
            pattern=r"^[\w-]{0,64}$",
        ),
    ] = ""


class DetectorFile(RequestForm):
    """The JSON file of a detector for pictures of the project."""

    detections: UploadFile


OF_FILES = Form(media_type="multipart/form-data")
