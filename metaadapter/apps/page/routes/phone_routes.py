"""The names of classes for phones, and the way that leads a phone to its page."""

from __future__ import annotations

from io import BytesIO
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from metaadapter.apps.page.refusal import Refusal
from metaadapter.apps.page.routes.dependencies import AppState, OpenSession
from metaadapter.apps.page.routes.forms import Reply

routes = APIRouter()


@routes.get("/classes")
def read_classes(session: OpenSession) -> Reply:
    """For phones: the names of the classes, and whether there is a classifier."""
    names = session.read(lambda contents: contents.class_names)
    return {"names": names, "ready": session.results.stored is not None}


async def phone_address(state: AppState) -> str:
    """The address for phones; a `Refusal` if they are not let in."""
    if state.phone is None:
        sentence = "Phones are not let in. Start `metaadapter serve --phone` to allow them."
        raise Refusal(404, "no-phone", sentence)
    return state.phone.address


PhoneAddress = Annotated[str, Depends(phone_address)]


@routes.get("/phone")
def read_address(address: PhoneAddress) -> Reply:
    """The address that a phone in the same network opens; 404 without `--phone`."""
    return {"address": address}


@routes.get("/phone/code.svg", response_class=Response)
def read_code(address: PhoneAddress) -> Response:
    """The address as a code to scan."""
    import segno

    file = BytesIO()
    code = segno.make(address, error="m", micro=False)
    code.save(file, kind="svg", xmldecl=False, dark="#000", light="#fff", omitsize=True)
    return Response(file.getvalue(), media_type="image/svg+xml")
