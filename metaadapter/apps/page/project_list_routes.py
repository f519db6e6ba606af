"""The routes of the projects in a folder: list, make, open, rename and delete them."""

from __future__ import annotations

from fastapi import APIRouter

from metaadapter.apps.page import project_list_forms as forms
from metaadapter.apps.page.dependencies import AppState
from metaadapter.data.plain_text import one_line

routes = APIRouter()


@routes.get("/projects")
def list_projects(state: AppState) -> forms.ProjectList:
    """The projects that can be opened."""
    return forms.ProjectList(projects=state.projects.listed(), current=state.projects.current)


@routes.post("/projects", status_code=201)
def make_project(state: AppState, new: forms.ProjectName) -> forms.ProjectList:
    """Make a project and open it."""
    state.projects.make(new.name)
    return list_projects(state)


@routes.post("/projects/open")
def open_project(state: AppState, project: forms.ProjectName) -> forms.ProjectList:
    """Open another project."""
    state.projects.open(project.name)
    return list_projects(state)


@routes.post("/projects/again")
def open_again(state: AppState, how: forms.Again) -> forms.ProjectList:
    """Try once more to open the project that `serve` could not open, perhaps after a repair."""
    state.projects.open_again(repairs=how.repairs)
    return list_projects(state)


@routes.post("/projects/rename")
def rename_project(state: AppState, names: forms.NewProjectName) -> forms.ProjectList:
    """Rename a project, which may be the open one."""
    state.projects.rename(names.name, names.new_name)
    return list_projects(state)


@routes.post("/projects/delete")
def delete_project(state: AppState, project: forms.ProjectName) -> forms.Deleted:
    """Move a project that is not open into the folder `deleted projects` beside it."""
    place = one_line(state.projects.delete(project.name))
    return forms.Deleted(place=place, **list_projects(state).model_dump())
