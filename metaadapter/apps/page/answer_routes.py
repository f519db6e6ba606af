"""The routes of answers: predictions, thresholds, look-alikes, and the work on them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from metaadapter.apps.page import answer_forms
from metaadapter.apps.page.dependencies import OpenSession
from metaadapter.apps.page.detection_uploads import join_waiting
from metaadapter.apps.page.editor import OpenEditor
from metaadapter.apps.page.forms import Work

routes = APIRouter()


@routes.get("/answers", response_model_exclude_unset=True)
def read_predictions(
    session: OpenSession,
    since: Annotated[int, Query(description="The revision that the client has.")] = -1,
) -> answer_forms.LabelsPredictions | answer_forms.PicturePredictions:
    """The predictions, left out if the client has those of the current revision."""
    results = session.results
    content: dict[str, Any] = {"revision": results.revision, "ready": results.stored is not None}
    if results.revision <= since:
        content |= {"revision": since, "unchanged": True}
    else:
        content |= {
            "answers": results.answers,
            "left_out": results.left_out,
            "shift": results.shift,
        }
        if (thresholds := results.thresholds) is not None:
            content["thresholds"] = thresholds
            return answer_forms.LabelsPredictions.model_validate(content)
    return answer_forms.PicturePredictions.model_validate(content)


@routes.get("/sure")
def read_costs(session: OpenSession) -> answer_forms.Costs:
    """The cost of each threshold on the probability, computed from the left-out pictures."""
    return session.read(session.results.costs)


@routes.get("/alike")
def read_look_alikes(session: OpenSession) -> answer_forms.LookAlikes:
    """Groups of pictures of the tray that look alike."""
    return answer_forms.LookAlikes(groups=session.look_alikes())


@routes.get("/work")
def read_work(session: OpenSession) -> Work:
    """The work in the background."""
    return session.work()


@routes.post("/work/stop")
def stop_work(session: OpenSession) -> Work:
    """Stop encoding until the next edit, or until it is resumed."""
    session.stop()
    return session.work()


@routes.post("/work/resume")
def resume_work(editor: OpenEditor) -> Work:
    """Go on with the encoding that was stopped, after boxes that have waited for their pictures."""
    join_waiting(editor)
    return editor.session.work()
