"""Check the files of a project that its sealed documents do not list: history and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from metaadapter.apps.page.contents import Contents
from metaadapter.apps.page.history import read_contents
from metaadapter.apps.page.picture_folder import PictureFolder
from metaadapter.apps.page.project import PARTS
from metaadapter.apps.page.project_folders import HEAD_FILE, HISTORY_FILE, PROJECT_FILE
from metaadapter.data.inputs import UnreadableImage
from metaadapter.data.output_folder import require_no_link
from metaadapter.errors import DataError, MetaAdapterError


def projects_in(folder: Path) -> list[Path]:
    """The folders that have a document or the history of a project."""
    files = (PROJECT_FILE, HISTORY_FILE, HEAD_FILE)
    return sorted({path.parent for name in files for path in folder.rglob(name)})


def check_project(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the history and each picture with its fault, "" if there is none."""
    history, contents = folder / HISTORY_FILE, Contents()
    try:
        for part in PARTS:
            require_no_link(folder / part)
        _require_documents(folder)
        contents = read_contents(history)
    except MetaAdapterError as error:
        yield history, str(error)
    else:
        yield history, ""
    pictures = PictureFolder(folder)
    for picture in sorted(contents.kept_pictures):
        try:
            pictures.read(picture)
        except UnreadableImage as error:
            yield pictures.path(picture), str(error)
        else:
            yield pictures.path(picture), ""


def _require_documents(folder: Path) -> None:
    """Raise a `DataError` if the facts or the head of a project are missing."""
    for name in (PROJECT_FILE, HEAD_FILE):
        if not (folder / name).exists():
            raise DataError(f"{folder / name} is missing; restore it from a copy of the project")
