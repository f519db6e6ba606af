"""The route `/predict`: predictions for pictures that are not kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query

from metaadapter.apps.page.refusal import Limits
from metaadapter.apps.page.routes.answer_routes import as_json
from metaadapter.apps.page.routes.dependencies import AppState, OpenSession, UploadFolder
from metaadapter.apps.page.routes.forms import OF_FILES, PictureFiles, Reply, UploadRoute
from metaadapter.apps.page.routes.uploads import uploaded_files
from metaadapter.data.table import ImageRow
from metaadapter.features.encoded_pictures import EncodedPictures, encode_rows
from metaadapter.features.image_encoder import ImageEncoder
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
    folder: UploadFolder,
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
    pictures, refused = _encode(form, folder, session.project.encoder, state.limits)
    sample = QuerySample(stored)
    sample.add(pictures.features)
    predictions = [one.to_dict() for one in predict_pictures(stored, pictures)]
    return {"predictions": predictions, "shift": as_json(sample.shift), "refused": refused}


def _encode(
    form: PictureFiles, folder: Path, encoder: ImageEncoder, limits: Limits
) -> tuple[EncodedPictures, list[Reply]]:
    """Encode the pictures of a form, under the client's names; return also the refused files."""
    names: dict[str, str] = {}
    refused = []
    for number, file in enumerate(uploaded_files(form.pictures, folder, limits)):
        if file.path is None:
            refused.append({"name": file.name, "reason": file.reason})
            continue
        path = file.path.rename(folder / f"picture-{number}")
        names[str(path)] = file.name
    rows = [ImageRow(Path(path), None) for path in names]
    encoded = encode_rows(rows, encoder, views=1, seed=0)
    refused += [
        {"name": names[str(picture.path)], "reason": picture.reason}
        for picture in encoded.quarantined
    ]
    pictures = tuple(picture._replace(path=names[picture.path]) for picture in encoded.pictures)
    return replace(encoded, pictures=pictures, quarantined=()), refused
