"""From the name of an encoder to where its architecture and weights are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path

from metaadapter.errors import DataError, UsageError

__all__ = ["EncoderSource", "resolve_encoder"]

ASSETS = Path(__file__).parents[1] / "assets"
EMBEDDED = {"tiny": ASSETS / "tiny"}
CONFIG_FILE = "open_clip_config.json"
WEIGHTS_SUFFIXES = (".safetensors", ".bin", ".pth", ".pt")


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """What open_clip needs to build an encoder.

    Attributes:
        name: What `FrozenEncoder.load` takes to give the same encoder, from any folder.
        model: open_clip's name of the architecture, or "local-dir:" and a folder.
        pretrained: Tag or file of the weights; `None` for a folder, which has them.
        weights: The weights in a word, for people.
    """

    name: str
    model: str
    pretrained: str | None
    weights: str


def resolve_encoder(name: str) -> EncoderSource:
    """Find out what the name of an encoder means.

    Args:
        name: "tiny"; "MODEL/TAG" as open_clip lists them; "MODEL/FILE" with a weights file of
            that architecture; or a folder with open_clip's config and weights.

    Raises:
        UsageError: There is no such encoder; the message lists what is near.
        DataError: The folder lacks its config or weights.
    """
    if name in EMBEDDED:
        return replace(_folder(EMBEDDED[name]), name=name)
    folder = Path(name).expanduser()
    if name and folder.is_dir():
        return _folder(folder.resolve())
    import open_clip

    model, _, weights = name.partition("/")
    if model not in open_clip.list_models():
        raise UsageError(_unknown_model(name, model, open_clip.list_models()))
    tags = open_clip.list_pretrained_tags_by_model(model)
    tag = weights.lower().replace("-", "_")  # open_clip takes both ways of writing
    if tag in tags:
        return EncoderSource(f"{model}/{tag}", model, tag, tag)
    file = Path(weights).expanduser()
    if weights and file.is_file():
        file = file.resolve()
        return EncoderSource(f"{model}/{file}", model, str(file), file.name)
    raise UsageError(_unknown_weights(model, weights, tags))


def _folder(folder: Path) -> EncoderSource:
    if not (folder / CONFIG_FILE).is_file():
        raise DataError(
            f"the folder {folder} is no encoder: expected {CONFIG_FILE} in it, as in a model "
            "folder of a hub; for a weights file alone write MODEL/FILE"
        )
    # Without any, open_clip would go on with random weights.
    files = sorted(file for file in folder.iterdir() if file.suffix in WEIGHTS_SUFFIXES)
    if not files:
        raise DataError(
            f"the encoder folder {folder} has {CONFIG_FILE} but no weights; "
            "put open_clip_model.safetensors beside it"
        )
    return EncoderSource(str(folder), f"local-dir:{folder}", None, folder.name)


def _unknown_model(name: str, model: str, models: Sequence[str]) -> str:
    if name.startswith(("/", "./", "../", "~")):
        return f"there is no folder {name}; expected one with {CONFIG_FILE} and the weights"
    near = get_close_matches(model, [*EMBEDDED, *models], n=5, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}? " if near else ""
    return (
        f"unknown encoder {name!r}: {hint}expected 'tiny', MODEL/WEIGHTS as in "
        "'ViT-B-32/laion2b_s34b_b79k', or a folder with an open_clip model; "
        "open_clip.list_pretrained() lists all"
    )


def _unknown_weights(model: str, weights: str, tags: Sequence[str]) -> str:
    known = ", ".join(f"{model}/{tag}" for tag in tags) or f"none for {model}"
    listing = f"open_clip knows {known}; a weights file works too: {model}/FILE"
    if not weights:
        return f"the encoder {model!r} is an architecture without weights: {listing}"
    if "/" in weights or weights.endswith(WEIGHTS_SUFFIXES):
        return f"there is no weights file {weights} for the encoder {model}"
    near = get_close_matches(weights.lower(), tags, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return f"unknown weights {weights!r} for {model}: {hint}{listing}"
