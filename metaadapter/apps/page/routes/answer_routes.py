"""The routes of answers: predictions, advice, and the work on them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from metaadapter.apps.page.changes import require_one_label
from metaadapter.apps.page.contents import Contents, Edit
from metaadapter.apps.page.entries import Action
from metaadapter.apps.page.hints import (
    actions_of,
    id_of_advice,
    no_such_advice,
    settle,
    take_back,
    without_copies,
)
from metaadapter.apps.page.reasons import reasons_of
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.routes.dependencies import AppState, OpenEditor, OpenSession
from metaadapter.apps.page.routes.forms import PictureId, Pictures, Reply, RequestForm
from metaadapter.workflow.prediction.predictions import Prediction

OF_PREDICTIONS = ("probability", "runner_up", "runner_up_probability", "known", "unfamiliar")


routes = APIRouter()


@routes.get("/answers")
def read_predictions(
    session: OpenSession,
    since: Annotated[int, Query(description="The revision that the client has.")] = -1,
) -> Reply:
    """The predictions, left out if the client has those of the current revision.

    `answers` are for the tray, `left_out` for labelled pictures, by the other examples. `expected`
    is the accuracy to expect of new pictures with a number of `times` the labels, with 90 %
    intervals; empty for fewer than two pictures a class.
    """
    results = session.results
    reply: Reply = {"revision": results.revision, "ready": results.stored is not None}
    if results.revision <= since:
        return reply | {"revision": since, "unchanged": True}
    reply["answers"] = {key: _as_json(one) for key, one in results.answers.items()}
    reply["left_out"] = {key: _as_json(one) for key, one in results.left_out.items()}
    reply["expected"] = [one._asdict() for one in results.expected]
    reply["shift"] = results.shift and results.shift.to_dict()
    if (thresholds := results.thresholds) is not None:
        reply["thresholds"] = thresholds
    return reply


def _as_json(answer: Prediction) -> Reply:
    """A prediction whose classes are given by their ids.

    With several labels, `labels` are the classes that the picture shows, and `probabilities` has
    also those of classes a little below their thresholds.
    """
    values = {name: getattr(answer, name) for name in OF_PREDICTIONS}
    if answer.labels is not None:
        values |= {"labels": answer.labels, "probabilities": answer.probabilities}
    return {"class": answer.label, **values}


@routes.get("/work")
def read_work(state: AppState) -> Reply:
    """The work in the background; without an open project, why there is none."""
    try:
        return state.projects.session.work()
    except Refusal as refusal:
        return refusal.content


AdviceId = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", description="The `id` of a piece of advice.")
]


class Settlement(RequestForm):
    """The way to settle a piece of advice.

    "move" gives its picture the better label, "none" the label of none of the classes; "keep" says
    that its label is right, and "dismiss" that nothing will be done.
    """

    action: Action


@routes.get("/advice")
def read_advice(session: OpenSession) -> Reply:
    """Advice on the pictures, the most helpful first, and what was settled, the latest first.

    `advice` has every label that looks wrong; it is null if the pictures cannot be compared.
    """
    settled, pieces = session.read(lambda one: [*one.settled.items()]), session.advice()
    return {
        "advice": pieces
        and [
            {"id": id_of_advice(piece), "actions": actions_of(piece), **vars(piece)}
            for piece in pieces
        ],
        "settled": [{"id": key, **entry.model_dump()} for key, entry in reversed(settled)],
    }


@routes.post("/copies")
def find_copies(session: OpenSession, form: Pictures) -> Reply:
    """Of these pictures, the ones that count as labels (`kept`), and the number of near copies."""
    kept, n_copies = without_copies(session.snapshot(), session.results, form.pictures)
    return {"kept": kept, "n_copies": n_copies}


@routes.get("/pictures/{picture}/reasons")
def read_reasons(session: OpenSession, picture: PictureId) -> Reply:
    """The labelled pictures `for` and `against` the prediction for a picture, and the `names`.

    Each has the prediction by an adapter without it: its `answer`, and the `probability` of the
    class that is the answer with it.
    """
    return reasons_of(session.snapshot(), session.results, picture)


@routes.post("/advice/{advice_id}")
def settle_advice(editor: OpenEditor, advice_id: AdviceId, settlement: Settlement) -> Reply:
    """Settle a piece of advice: its pictures move if the action says so, and it is kept in mind."""
    pieces = {id_of_advice(piece): piece for piece in editor.session.advice() or ()}

    def edit(contents: Contents) -> Edit:
        if advice_id not in pieces:
            raise no_such_advice()
        changes = settle(contents, pieces[advice_id], settlement.action)
        return Edit("Followed advice", changes, "settled-advice")

    return editor.edit(edit)


@routes.delete("/advice/{advice_id}")
def take_back_advice(editor: OpenEditor, advice_id: AdviceId) -> Reply:
    """Take back what was done about a piece of advice."""

    def edit(contents: Contents) -> Edit:
        require_one_label(contents, "Advice")
        return Edit("Took back advice", take_back(contents, advice_id), "settled-advice")

    return editor.edit(edit)
