"""Names of encoders that mean the same on every machine, in contrast to a file or folder of one."""

from __future__ import annotations

import re

from metaadapter.data.hub import PREFIX, HubName
from metaadapter.data.user_code import is_user_code
from metaadapter.features.encoder_source import BETWEEN_PARTS, EMBEDDED


def is_public_name(name: str) -> bool:
    """Return whether a name of an encoder holds no path of this machine."""
    return all(map(_is_public, BETWEEN_PARTS.split(name)))


def base_models(name: str) -> list[str]:
    """Return the repositories of the hub with the weights of an encoder, as far as it is known."""
    models = (_repository(part) for part in BETWEEN_PARTS.split(name))
    return list(dict.fromkeys(filter(None, models)))


def _is_public(part: str) -> bool:
    if part in EMBEDDED or part.startswith(PREFIX):
        return True
    if is_user_code(part):
        return False
    return not re.search(r"[/\\]", part) or _open_clip_repository(part) is not None


def _repository(part: str) -> str:
    if part.startswith(PREFIX):
        return HubName.parse(part).repository
    return _open_clip_repository(part) or ""


def _open_clip_repository(part: str) -> str | None:
    """Return where open_clip fetches the weights MODEL/TAG; None if it knows none of that name."""
    import open_clip

    model, _, tag = part.partition("/")
    if tag not in open_clip.list_pretrained_tags_by_model(model):
        return None
    place: str = open_clip.get_pretrained_cfg(model, tag).get("hf_hub", "")
    return place.strip("/") if place.count("/") > 0 else ""
