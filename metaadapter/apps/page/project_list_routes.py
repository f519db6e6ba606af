"""The routes of the projects in a folder: list, make, open, rename and delete them."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from metaadapter.apps.page.dependencies import AppState
from metaadapter.apps.page.forms import Name, RequestForm
from metaadapter.apps.page.projects import ListedProject
from metaadapter.data.plain_text import one_line


class ProjectName(RequestForm):
    """The name of a project."""

    name: Name


class NewProjectName(ProjectName):
    """The name of a project, and its new name."""

    new_name: Name


class Again(RequestForm):
    """Whether to repair a damaged history: what can be saved counts, the rest is kept aside."""

    repairs: bool = False


class ProjectList(BaseModel):
    """The projects that can be opened, and the name of the open one; "" if none could be opened."""

    projects: list[ListedProject]
    current: str


class Deleted(ProjectList):
    """The projects that are left, and the folder that the deleted one has been moved to."""

    place: str


routes = APIRouter()


@routes.get("/projects")
def list_projects(state: AppState) -> ProjectList:
    """The projects that can be opened."""
    return ProjectList(projects=state.projects.listed(), current=state.projects.current)


@routes.post("/projects", status_code=201)
def make_project(state: AppState, new: ProjectName) -> ProjectList:
    """Make a project and open it."""
    state.projects.make(new.name)
    return list_projects(state)


@routes.post("/projects/open")
def open_project(state: AppState, project: ProjectName) -> ProjectList:
    """Open another project."""
    state.projects.open(project.name)
    return list_projects(state)


@routes.post("/projects/again")
def open_again(state: AppState, how: Again) -> ProjectList:
    """Try once more to open the project that `serve` could not open, perhaps after a repair."""
    state.projects.open_again(repairs=how.repairs)
    return list_projects(state)


@routes.post("/projects/rename")
def rename_project(state: AppState, names: NewProjectName) -> ProjectList:
    """Rename a project, which may be the open one."""
    state.projects.rename(names.name, names.new_name)
    return list_projects(state)


@routes.post("/projects/delete")
def delete_project(state: AppState, project: ProjectName) -> Deleted:
    """Move a project that is not open into the folder `deleted projects` beside it."""
    place = one_line(state.projects.delete(project.name))
    return Deleted(place=place, **dict(list_projects(state)))
