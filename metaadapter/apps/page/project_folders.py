"""The folders of projects, and of what they leave aside; this module imports nothing slow."""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path

from metaadapter.errors import DataError
from metaadapter.files.output_folder import require_no_link, sync_folder

PROJECT_FILE, HISTORY_FILE = "project.json", "history.db"
# It leads the browser to the page; a folder that has only hidden files is still empty.
REDIRECT_FILE = ".open.html"
PROJECTS_FOLDER, DEFAULT_NAME = "metaadapter projects", "My pictures"


def default_project() -> Path:
    """The last used project in the user's projects folder, or the path for a first one."""
    folder = Path.home() / PROJECTS_FOLDER
    return max(projects_in(folder), key=_last_used, default=folder / DEFAULT_NAME)


def projects_in(folder: Path) -> list[Path]:
    """The folders in a folder that have the document of a project, in the order of their names."""
    try:
        return sorted(path.parent for path in folder.glob(f"*/{PROJECT_FILE}"))
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror}") from error


def _last_used(project: Path) -> float:
    history = project / HISTORY_FILE
    return history.stat().st_mtime if history.exists() else 0.0


LEFTOVERS_FOLDER = "leftovers"


def move_aside(path: Path, project: Path) -> None:
    """Move a file, a folder or a link into the leftovers of a project."""
    path.rename(_place(project, path.name))


def copy_aside(path: Path) -> None:
    """Copy a file of a project into its leftovers."""
    place = _place(path.parent, path.name)
    shutil.copyfile(path, place)
    sync_folder(place.parent)


def _place(project: Path, name: str) -> Path:
    """A free place in the leftovers, whose folder is made if it is missing."""
    folder = project / LEFTOVERS_FOLDER
    require_no_link(folder)
    folder.mkdir(exist_ok=True)
    names = (f"{name} ({number})" if number > 1 else name for number in count(1))
    places = (folder / name for name in names)
    return next(place for place in places if not place.is_symlink() and not place.exists())
