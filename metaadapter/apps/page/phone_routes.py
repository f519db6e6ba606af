"""The routes of phones, which may see the classes, add pictures, and have pictures predicted."""

from __future__ import annotations

from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from metaadapter.apps.page import predict_routes, project_routes
from metaadapter.apps.page.dependencies import AppState, OpenEditor, OpenSession, UploadFolder
from metaadapter.apps.page.forms import OF_FILES, NewPictures, Reply, UploadRoute
from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.server import page_file
from metaadapter.apps.page.uploads import FOLDERS

routes = APIRouter(route_class=UploadRoute)
routes.include_router(predict_routes.routes)
"""The routes of phones."""
code_routes = APIRouter(prefix="/phone")
"""The routes of the page that show a phone the way to its own."""


@routes.post("/pictures", status_code=202)
def add_pictures(
    editor: OpenEditor,
    form: Annotated[NewPictures, OF_FILES],
    folder: UploadFolder,
    state: AppState,
) -> Reply:
    """Add pictures; an upload that makes classes or stops the encoding is refused."""
    if form.class_id == FOLDERS or form.wait:
        raise Refusal(403, "phone", "A phone can only add pictures and have them predicted.")
    return project_routes.upload_pictures(editor, form, folder, state)


@routes.get("/", include_in_schema=False)
def read_phone_page() -> Response:
    """The page of a phone."""
    return page_file("phone.html")


@routes.get("/classes")
def read_classes(session: OpenSession) -> Reply:
    """The names of the classes, and whether there is a classifier."""
    names = session.read(lambda contents: contents.class_names)
    return {"names": names, "ready": session.results.stored is not None}


async def phone_address(state: AppState) -> str:
    """The address for phones; a `Refusal` if they are not let in."""
    if state.phone is None:
        sentence = "Phones are not let in. Start `metaadapter serve --phone` to allow them."
        raise Refusal(404, "no-phone", sentence)
    return state.phone.address


PhoneAddress = Annotated[str, Depends(phone_address)]


@code_routes.get("")
def read_address(address: PhoneAddress) -> Reply:
    """The address that a phone in the same network opens; 404 without `--phone`."""
    return {"address": address}


@code_routes.get("/code.svg", response_class=Response)
def read_code(address: PhoneAddress) -> Response:
    """The address as a code to scan."""
    import segno

    file = BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(file, kind="svg", xmldecl=False, dark="#000", light="#fff", omitsize=True)
    return Response(file.getvalue(), media_type="image/svg+xml")
