"""OpenAPI descriptions of the forms whose bodies FastAPI does not read."""

from __future__ import annotations

from typing import Any

FILE = {"type": "string", "format": "binary"}
PICTURES = {"type": "array", "items": FILE, "description": "Pictures, or zip files of pictures."}
CLASS = {
    "type": "string",
    "description": "The id of a class; empty for the tray; `folders`: a class of each folder.",
}


def upload_schema(*required: str, **fields: dict[str, Any]) -> dict[str, Any]:
    """The description of a form with these fields, some of which are required."""
    schema = {"type": "object", "properties": fields, "required": list(required)}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    }


WAIT = {
    "type": "string",
    "description": "Any text: none is encoded before the next edit, such as a detector's file.",
}
UPLOAD_SCHEMA = upload_schema("pictures", pictures=PICTURES, wait=WAIT, **{"class": CLASS})
PREDICT_SCHEMA = upload_schema(
    "pictures",
    pictures=PICTURES,
    adapter={**FILE, "description": "A skill file; without it, the open project's adapter."},
)
ADAPT_SCHEMA = upload_schema(
    "pictures",
    pictures={
        **PICTURES,
        "description": "Pictures named CLASS/FILE, or zip files of such pictures.",
    },
)
DETECTIONS_SCHEMA = upload_schema(
    "detections",
    detections={**FILE, "description": "The JSON file of a detector for pictures of the project."},
)
