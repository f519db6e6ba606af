"""The routes of advice: what to check first, and what a person has done about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from metaadapter.apps.page.changes import require_one_label
from metaadapter.apps.page.contents import Contents, Edit
from metaadapter.apps.page.dependencies import OpenEditor, OpenSession
from metaadapter.apps.page.entries import Action, AdviceEntry, AdvicePiece
from metaadapter.apps.page.forms import RequestForm, Revised
from metaadapter.apps.page.settled_advice import (
    actions_of,
    id_of_advice,
    no_such_advice,
    settle,
    take_back,
)

AdviceId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", description="The `id` of a piece of advice.")
]


class GivenPiece(AdvicePiece):
    """A piece of advice, and the ways to settle it."""

    id: str
    actions: list[Action]


class SettledPiece(AdviceEntry):
    """A piece of advice that a person has settled, and how."""

    id: str


class AdviceList(BaseModel):
    """Advice, the most helpful first, and what was settled, the latest first."""

    advice: list[GivenPiece]
    settled: list[SettledPiece]


class Settlement(RequestForm):
    """The way to settle a piece of advice.

    "move" gives its picture the better label, "none" the label of none of the classes; "keep" says
    that its label is right, and "dismiss" that nothing will be done.
    """

    action: Action


routes = APIRouter()


@routes.get("/advice")
def read_advice(session: OpenSession) -> AdviceList:
    """Advice on the pictures, and what was settled."""
    settled = session.read(lambda contents: [*contents.settled.items()])
    return AdviceList(
        advice=[
            GivenPiece(id=id_of_advice(piece), actions=[*actions_of(piece)], **vars(piece))
            for piece in session.advice()
        ],
        settled=[SettledPiece(id=key, **dict(entry)) for key, entry in reversed(settled)],
    )


@routes.post("/advice/{advice_id}")
def settle_advice(editor: OpenEditor, advice_id: AdviceId, settlement: Settlement) -> Revised:
    """Settle a piece of advice: its pictures move if the action says so, and it is kept in mind."""
    pieces = {id_of_advice(piece): piece for piece in editor.session.advice()}

    def edit(contents: Contents) -> Edit:
        if advice_id not in pieces:
            raise no_such_advice()
        changes = settle(contents, pieces[advice_id], settlement.action)
        return Edit("Followed advice", changes, "settled-advice")

    return editor.edit(edit)


@routes.delete("/advice/{advice_id}")
def take_back_advice(editor: OpenEditor, advice_id: AdviceId) -> Revised:
    """Take back what was done about a piece of advice."""

    def edit(contents: Contents) -> Edit:
        require_one_label(contents, "Advice")
        return Edit("Took back advice", take_back(contents, advice_id), "settled-advice")

    return editor.edit(edit)
