"""The routes of advice: what to check first, and what a person has done about it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, StringConstraints

from metaadapter.apps.page import advice_forms
from metaadapter.apps.page.advice_entry import actions_of, id_of_advice
from metaadapter.apps.page.contents import Change, Contents
from metaadapter.apps.page.dependencies import OpenSession
from metaadapter.apps.page.editor import OpenEditor
from metaadapter.apps.page.forms import Revised
from metaadapter.apps.page.labelling import require_one_label
from metaadapter.apps.page.settled_advice import no_such_advice, settle, take_back

AdviceId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{32}$"),
    Field(description="The `id` of a piece of advice."),
]

routes = APIRouter()


@routes.get("/advice")
def read_advice(session: OpenSession) -> advice_forms.AdviceList:
    """Advice on the pictures, and what was settled."""
    settled = session.read(lambda contents: [*contents.settled.items()])
    return advice_forms.AdviceList(
        advice=[
            advice_forms.AdvicePiece.model_validate(
                {**vars(piece), "id": id_of_advice(piece), "actions": actions_of(piece)}
            )
            for piece in session.advice()
        ],
        settled=[
            advice_forms.SettledPiece.model_validate({**dict(entry), "id": key})
            for key, entry in reversed(settled)
        ],
    )


@routes.post("/advice/{advice_id}")
def settle_advice(
    editor: OpenEditor, advice_id: AdviceId, settlement: advice_forms.Settlement
) -> Revised:
    """Settle a piece of advice: its pictures move if the action says so, and it is kept in mind."""
    pieces = {id_of_advice(piece): piece for piece in editor.session.advice()}

    def changes(contents: Contents) -> tuple[Change, ...]:
        if advice_id not in pieces:
            raise no_such_advice()
        return settle(contents, pieces[advice_id], settlement.action)

    return editor.edit("Followed advice", changes)


@routes.delete("/advice/{advice_id}")
def take_back_advice(editor: OpenEditor, advice_id: AdviceId) -> Revised:
    """Take back what was done about a piece of advice."""

    def changes(contents: Contents) -> tuple[Change, ...]:
        require_one_label(contents, "Advice")
        return take_back(contents, advice_id)

    return editor.edit("Took back advice", changes)
