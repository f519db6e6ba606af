"""The routes of the projects in a folder: list, make, open and rename them.

A project is named by its `folder` beside the others, since two may have the same name.
"""

from __future__ import annotations

from fastapi import APIRouter

from metaadapter.apps.page.routes.dependencies import AppState
from metaadapter.apps.page.routes.forms import Name, Reply, RequestForm


class ProjectName(RequestForm):
    """The name of a project."""

    name: Name


class ProjectFolder(RequestForm):
    """The folder of a project, as the list of projects has it."""

    folder: str


class Again(RequestForm):
    """Whether to repair a damaged history: what can be saved counts, the rest is kept aside."""

    repairs: bool = False


routes = APIRouter()


@routes.get("/projects")
def list_projects(state: AppState) -> Reply:
    """The projects that can be opened, and the folder of the open one; "" if none is open."""
    return {"projects": state.projects.listed(), "current": state.projects.current}


@routes.post("/projects", status_code=201)
def make_project(state: AppState, new: ProjectName) -> Reply:
    """Make a project and open it."""
    state.projects.make(new.name)
    return list_projects(state)


@routes.post("/projects/open")
def open_project(state: AppState, project: ProjectFolder) -> Reply:
    """Open another project."""
    state.projects.open(project.folder)
    return list_projects(state)


@routes.post("/projects/again")
def open_again(state: AppState, how: Again) -> Reply:
    """Try once more to open the project that could not be opened, perhaps after a repair."""
    state.projects.open_again(repairs=how.repairs)
    return list_projects(state)


@routes.post("/projects/rename")
def rename_project(state: AppState, new: ProjectName) -> Reply:
    """Rename the open project."""
    state.projects.rename(new.name)
    return list_projects(state)
