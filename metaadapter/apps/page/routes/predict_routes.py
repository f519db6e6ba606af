"""The route `/predict`: predictions for pictures that are not kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from metaadapter.apps.page.routes.dependencies import AppState, OpenSession
from metaadapter.apps.page.routes.forms import OF_FILES, PictureFiles, Reply, UploadRoute
from metaadapter.apps.page.routes.uploads import content_of, plain_name
from metaadapter.data.inputs import UnreadableImage
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.features.encoding_loop import encode_pictures
from metaadapter.features.encoding_pipeline import Pipeline
from metaadapter.features.store.picture_facts import PictureFacts
from metaadapter.workflow.prediction.predictions import predict_pictures
from metaadapter.workflow.prediction.query_shift import QuerySample

Now = Annotated[
    bool, Query(description="Use the project's adapter as it is, before its latest edits.")
]


routes = APIRouter(route_class=UploadRoute)


@routes.post("/predict")
def predict(
    session: OpenSession,
    form: Annotated[PictureFiles, OF_FILES],
    state: AppState,
    now: Now = False,
) -> Reply:
    """Predict pictures with the open project's adapter; nothing is kept.

    The `predictions` and their `shift` have the keys of `metaadapter predict --json`; `refused` are
    the files that could not be read.
    """
    stored = session.results.stored if now else None
    stored = stored or session.wait_for_results().stored
    assert stored is not None
    contents: dict[int, bytes] = {}
    reasons: dict[int, str] = {}
    for number, file in enumerate(form.pictures):
        try:
            contents[number] = content_of(file, state.limits)
        except UnreadableImage as error:
            reasons[number] = error.reason
    features, outcomes = encode_pictures(contents.values(), Pipeline(session.project.encoder))
    names = [plain_name(file.filename or "") for file in form.pictures]
    pictures = []
    for number, outcome in zip(contents, outcomes, strict=True):
        if isinstance(outcome, UnreadableImage):
            reasons[number] = outcome.reason
        else:
            pictures.append(PictureFacts(names[number], "", "", "", outcome))
    sample = QuerySample(stored)
    sample.add(features)
    predictions = predict_pictures(stored, EncodedPictures(tuple(pictures), features))
    return {
        "predictions": [one.to_dict() for one in predictions],
        "shift": sample.shift and sample.shift.to_dict(),
        "refused": [{"name": names[key], "reason": reasons[key]} for key in sorted(reasons)],
    }
