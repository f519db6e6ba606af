"""The forms of the projects in a folder: their names, and what they hold."""

from __future__ import annotations

from pydantic import BaseModel

from metaadapter.apps.page.forms import Name, RequestForm


class ProjectName(RequestForm):
    """The name of a project."""

    name: Name


class Again(RequestForm):
    """Whether to repair a damaged history: its whole lines count, the rest goes to `leftovers`."""

    repairs: bool = False


class NewProjectName(ProjectName):
    """The name of a project, and its new name."""

    new_name: Name


class ListedProject(BaseModel):
    """A project that can be opened."""

    name: str
    n_pictures: int
    n_classes: int


class ProjectList(BaseModel):
    """The projects that can be opened, and the name of the open one; "" if none could be opened."""

    projects: list[ListedProject]
    current: str


class Deleted(ProjectList):
    """The projects that are left, and the folder that the deleted one has been moved to."""

    place: str
