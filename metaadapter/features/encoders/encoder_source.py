"""Find the model and the weights that the name of an encoder means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from metaadapter.errors import DataError, UsageError
from metaadapter.features.encoders.hub import hub_folder
from metaadapter.features.encoders.transformers_model import CONFIG_FILE as TRANSFORMERS_CONFIG
from metaadapter.features.encoders.transformers_model import WEIGHTS, family_in
from metaadapter.features.whitening import WHITENING_FILE
from metaadapter.files.hub import PREFIX
from metaadapter.files.regular_files import expanded, is_regular

TINY = Path(__file__).parents[2] / "assets" / "tiny"
# The names of the encoder in the package, each with its picture size; None for its own size.
EMBEDDED: dict[str, int | None] = {"tiny": None, "tiny-128": 128}
CONFIG_FILE = "open_clip_config.json"
TEXT_SEPARATOR = "+text:"
SEPARATOR, TIMM = "+timm:", "timm:"
LOCAL = "local-dir:"
SAFE_SUFFIX = ".safetensors"
# The preferred one first.
WEIGHTS_SUFFIXES = (SAFE_SUFFIX, ".bin", ".pth", ".pt")


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """The package that builds an encoder, and the arguments with which it does."""

    name: str
    model: str
    weights: str
    """The tag or the name of the weights, for people."""
    library: Literal["open_clip", "transformers", "timm"] = "open_clip"
    """An encoder of timm is an image tower, without texts."""
    tag: str | None = None
    """The weights that open_clip fetches; None for those in a folder or file."""
    file: Path | None = None
    """The weights in a single file, or those that timm reads in a folder."""
    folder: Path | None = None
    """The folder of the weights and their whitening; None for a tag or a file."""
    image_size: int | None = None
    second: EncoderSource | None = None
    """The model of timm that is the second image tower."""
    text: EncoderSource | None = None
    """The encoder whose text tower is used in place of its own."""

    @property
    def files(self) -> str:
        """The weights, and the configuration of a folder, as a subject of error messages."""
        if self.folder is None:
            return f"the weights {self.file or self.weights}"
        config = CONFIG_FILE if self.library == "open_clip" else TRANSFORMERS_CONFIG
        files = (self.folder / config, *sorted(weights_files(self.folder)))
        return f"the files {', '.join(map(str, files))}"

    @property
    def is_fetched(self) -> bool:
        """Whether open_clip or timm fetches a part by its name, from the hub or from its cache."""
        is_by_name = self.tag is not None or (self.library == "timm" and self.file is None)
        return is_by_name or (self.second is not None and self.second.is_fetched)

    @property
    def named_file(self) -> str:
        """The weights file in the name, as in MODEL/FILE; "" if the name has none."""
        if self.file is not None and self.folder is None:
            return str(self.file)
        parts = (part for part in (self.text, self.second) if part is not None)
        return next(filter(None, (part.named_file for part in parts)), "")


def resolve_encoder(name: str) -> EncoderSource:
    """Find the model and the weights of an encoder by its name, as for `FrozenEncoder.load`."""
    first, separator, second_name = name.partition(SEPARATOR)
    if separator:
        source, second = resolve_encoder(first), _timm(second_name)
        return replace(source, name=f"{source.name}+{second.name}", second=second)
    first, separator, text_name = name.partition(TEXT_SEPARATOR)
    if separator:
        source, text = resolve_encoder(first), resolve_encoder(text_name)
        return replace(source, name=f"{source.name}{TEXT_SEPARATOR}{text.name}", text=text)
    if name.startswith(PREFIX):
        folder = hub_folder(name)
        # The cache names a folder by its commit.
        return replace(_folder(folder), name=name, weights=folder.name)
    if name.startswith(TIMM):
        return _timm(name.removeprefix(TIMM))
    if name in EMBEDDED:
        return replace(_folder(TINY), name=name, image_size=EMBEDDED[name])
    if name and (folder := expanded(name)).is_dir():
        return _folder(folder.resolve())
    import open_clip

    model, _, weights = name.partition("/")
    if model not in open_clip.list_models():
        raise UsageError(_unknown_model(name, model, open_clip.list_models()))
    tags = open_clip.list_pretrained_tags_by_model(model)
    tag = weights.lower().replace("-", "_")  # open_clip accepts both spellings
    if tag in tags:
        return EncoderSource(f"{model}/{tag}", model, tag, tag=tag)
    if weights and is_regular(file := expanded(weights)):
        file = file.resolve()
        return EncoderSource(f"{model}/{file}", model, file.name, file=file)
    raise UsageError(_unknown_weights(model, weights, tags))


def _folder(folder: Path) -> EncoderSource:
    if not is_regular(folder / CONFIG_FILE):
        if is_regular(folder / TRANSFORMERS_CONFIG):
            if family_in(folder) is not None:
                return _transformers(folder)
            return replace(_timm(str(folder)), name=str(folder), weights=folder.name)
        raise DataError(
            f"the folder {folder} is no encoder: expected {CONFIG_FILE} in it, or "
            f"{TRANSFORMERS_CONFIG} of a model of transformers or timm, as in a model folder of a "
            "hub; for a single weights file write MODEL/FILE"
        )
    # Without weights open_clip would continue with random ones.
    weights = weights_files(folder)
    if no_files := [file for file in weights if not is_regular(file)]:
        raise DataError(f"{no_files[0]} of the encoder {folder} is no file that can be read")
    if not weights:
        raise DataError(
            f"the encoder folder {folder} has {CONFIG_FILE} but no weights; "
            "put open_clip_model.safetensors next to it"
        )
    return EncoderSource(str(folder), f"{LOCAL}{folder}", folder.name, folder=folder)


def _transformers(folder: Path) -> EncoderSource:
    if not any(map(is_regular, folder.glob(WEIGHTS))):
        raise DataError(
            f"the encoder folder {folder} has {TRANSFORMERS_CONFIG} but no weights as "
            f"model{SAFE_SUFFIX}. Other weights may hold program code and are never read; on the "
            "hub a pull request may have such weights: hf-hub:ORGANISATION/MODEL@refs/pr/N"
        )
    name = str(folder)
    return EncoderSource(name, name, folder.name, "transformers", folder=folder)


def _timm(name: str) -> EncoderSource:
    """Find the model after `timm:`: a model of timm, MODEL/FILE, or a folder."""
    import timm

    if name and (folder := expanded(name)).is_dir():
        if not is_regular(folder / TRANSFORMERS_CONFIG):
            raise DataError(
                f"the folder {folder} is no model of timm: expected {TRANSFORMERS_CONFIG} and the "
                "weights in it, as timm.models.save_for_hf writes them and the hub has them"
            )
        folder = folder.resolve()
        model, file = f"{LOCAL}{folder}", _weights_of_timm(folder)
        return EncoderSource(
            f"{TIMM}{folder}", model, str(folder), "timm", file=file, folder=folder
        )
    if name.startswith(("/", "./", "../", "~")):
        raise UsageError(f"there is no folder {name}; expected the folder of a model of timm")
    model, _, weights = name.partition("/")
    if not timm.is_model(model):
        near = get_close_matches(model, timm.list_models(), n=4, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise UsageError(
            f"timm has no model {model!r}: {hint}expected the name of one of its models as in "
            "tiny+timm:vit_small_patch14_dinov2.lvd142m, MODEL/FILE with a weights file, or a "
            "folder; timm.list_pretrained() lists all"
        )
    if not weights:
        return EncoderSource(f"{TIMM}{model}", model, model, "timm")
    file = expanded(weights)
    if not is_regular(file):
        raise UsageError(f"there is no weights file {weights} for the model {model} of timm")
    file = file.resolve()
    return EncoderSource(f"{TIMM}{model}/{file}", model, f"{model}/{file}", "timm", file=file)


def _weights_of_timm(folder: Path) -> Path:
    files = sorted(file for file in folder.iterdir() if is_regular(file))
    for suffix in WEIGHTS_SUFFIXES:
        if file := next((file for file in files if file.suffix == suffix), None):
            return file
    raise DataError(
        f"the folder {folder} has {TRANSFORMERS_CONFIG} but no weights; put model{SAFE_SUFFIX} "
        "next to it"
    )


def weights_files(folder: Path) -> list[Path]:
    """Return the weights in an encoder folder, of which open_clip reads one."""
    return [
        file
        for file in folder.iterdir()
        # In a hub's folder the links of files that were never downloaded lead to nothing.
        if file.suffix in WEIGHTS_SUFFIXES
        and file.name != WHITENING_FILE
        and file.exists()
        and not file.is_dir()
    ]


def _unknown_model(name: str, model: str, models: Sequence[str]) -> str:
    if name.startswith(("/", "./", "../", "~")):
        return f"there is no folder {name}; expected one with {CONFIG_FILE} and the weights"
    near = get_close_matches(model, [*EMBEDDED, *models], n=5, cutoff=0.5)
    if name.count("/") == 1 and not near:
        near = [f"{PREFIX}{name}"]
    hint = f"did you mean {', '.join(near)}? " if near else ""
    return (
        f"unknown encoder {name!r}: {hint}expected 'tiny', 'tiny-128', MODEL/WEIGHTS as in "
        "'ViT-B-32/laion2b_s34b_b79k', hf-hub:ORGANISATION/MODEL, timm:MODEL, or a folder with a "
        "model of open_clip, transformers or timm; "
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
