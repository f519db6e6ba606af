"""Pictures that come with a request: received, looked at, and added to the open project."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from fastapi import Request

from metaadapter.apps.page import forms
from metaadapter.apps.page.contents import (
    Change,
    Contents,
    add_classes,
    add_pictures,
    move_pictures,
)
from metaadapter.apps.page.desk import Desk
from metaadapter.apps.page.receiving import Limits, ReceivedForm, receive_form
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.taking_in import TakenIn, take_in
from metaadapter.errors import DataError

FOLDERS = "folders"
FILE_FIELDS = {"pictures", "adapter"}
PICTURES_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "pictures": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "description": "Pictures, or zip files of pictures.",
                        },
                        "class": {
                            "type": "string",
                            "description": "The id of a class; empty for the tray; `folders` to "
                            "take the folder that a picture lies in for its class.",
                        },
                    },
                    "required": ["pictures"],
                }
            }
        },
    }
}
"""What the OpenAPI document says of such a request, whose body the framework does not read."""


@contextmanager
def request_folder(desk: Desk) -> Iterator[Path]:
    """A folder for the files of one request, gone after it."""
    try:
        folder = Path(tempfile.mkdtemp(dir=desk.project.incoming))
    except OSError as error:
        raise Refusal(
            503, "not-saved", f"Nothing can be written to the project: {error.strerror}."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def received_form(request: Request, folder: Path, limits: Limits) -> ReceivedForm:
    """The form of a request, its files in a folder; a `Refusal` unless it has some."""
    content_type = request.headers.get("content-type", "")
    try:
        form = await receive_form(content_type, request.stream(), folder, limits)
    except OSError as error:
        raise Refusal(
            503, "not-saved", f"The files cannot be written: {error.strerror}. Free some space."
        ) from error
    if not form.files:
        raise Refusal(422, "invalid", "Expected files in the field `pictures`, but none came.")
    if others := {each.field for each in form.files} - FILE_FIELDS:
        raise Refusal(
            422,
            "invalid",
            f"Expected files in the field `pictures`, but some came in {sorted(others)[0][:80]!r}.",
        )
    return form


def take_pictures(desk: Desk, form: ReceivedForm, limits: Limits) -> forms.Added:
    """Add the pictures of a form to the tray, to one class, or to the classes of their folders.

    Those that are there already stay where they are, but for ones in the tray, which go to a class.
    """
    target = form.texts.get("class", "")
    if target not in ("", FOLDERS):
        desk.look(lambda it: it.require_class(target))
    try:
        taken = take_in(form.files, desk.project.pictures, limits)
    except DataError as error:
        raise Refusal(503, "not-saved", f"The pictures cannot be kept: {error}.") from error
    added: list[str] = []
    known: list[str] = []

    def changes(contents: Contents) -> tuple[Change, ...]:
        sent = {each.picture: each for each in taken.pictures}
        new = {k: each.name for k, each in sent.items() if k not in contents.pictures}
        added.extend(new)
        known.extend(each for each in sent if each not in new)
        made, ids = _new_classes(contents, taken, target)
        # The class may have been removed while its pictures were on their way.
        own = target if target in contents.classes else None
        labels: dict[str, str | None] = {
            picture: ids.get(each.folder or "") if target == FOLDERS else own
            for picture, each in sent.items()
        }
        waiting = {
            picture: labels[picture]
            for picture in known
            if labels[picture] is not None and contents.pictures[picture].label is None
        }
        return (*made, *add_pictures(contents, new, labels), *move_pictures(contents, waiting))

    revision = desk.edit(f"Added {counted(len({it.picture for it in taken.pictures}))}", changes)
    refused = [forms.RefusedFile(**each._asdict()) for each in taken.refused]
    return forms.Added(added=added, known_already=known, refused=refused, revision=revision)


def _new_classes(
    contents: Contents, taken: TakenIn, target: str
) -> tuple[tuple[Change, ...], dict[str, str]]:
    """The changes that make classes of folders, and the id of each folder's class."""
    ids = {entry.name: label for label, entry in contents.classes.items()}
    if target != FOLDERS:
        return (), ids
    folders = dict.fromkeys(each.folder for each in taken.pictures if each.folder)
    new = {token_hex(6): name for name in folders if name not in ids}
    return add_classes(contents, new), ids | {name: label for label, name in new.items()}


def counted(n: int) -> str:
    """So many pictures, in words."""
    return "1 picture" if n == 1 else f"{n} pictures"
