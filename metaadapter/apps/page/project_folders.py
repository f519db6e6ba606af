"""The folders of projects; this module imports nothing slow."""

from __future__ import annotations

from pathlib import Path

from metaadapter.errors import DataError

PROJECT_FILE, HISTORY_FILE = "project.json", "history.db"
# It leads the browser to the page; a folder that has only hidden files is still empty.
REDIRECT_FILE = ".open.html"
PROJECTS_FOLDER, DEFAULT_NAME = "metaadapter projects", "My pictures"
DELETED_FOLDER = "deleted projects"
"""Beside the projects; nothing in it is listed, and moving a project back restores it."""


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
