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
SEPARATOR, TIMM = "+timm:", "timm:"
SALIENT = "salient:"
"""The beginning of a `SalientEncoder`'s name; the name of its encoder follows."""
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
    folder: Path | None = None
    """The folder of the weights and their whitening; None for weights of the hub by their tag."""
    image_size: int | None = None
    second: EncoderSource | None = None
    """The model of timm that is the second image tower."""

    @property
    def files(self) -> str:
        """The weights, and the configuration of a folder, as a subject of error messages."""
        if self.folder is None:
            return f"the weights {self.weights}"
        config = CONFIG_FILE if self.library == "open_clip" else TRANSFORMERS_CONFIG
        files = (self.folder / config, *weights_files(self.folder))
        return f"the files {', '.join(map(str, files))}"

    @property
    def is_fetched(self) -> bool:
        """Whether open_clip or timm fetches a part by its name, from the hub or from its cache."""
        return self.folder is None or (self.second is not None and self.second.is_fetched)


def resolve_encoder(name: str) -> EncoderSource:
    """Find the model and the weights of an encoder by its name, as for `FrozenEncoder.load`."""
    first, separator, second_name = name.partition(SEPARATOR)
    if separator:
        source, second = resolve_encoder(first), _timm(second_name)
        return replace(source, name=f"{source.name}+{second.name}", second=second)
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
        return EncoderSource(f"{model}/{tag}", model, tag)
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
            "hub"
        )
    # Without weights open_clip would continue with random ones.
    if not weights_files(folder):
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
    """Find the model after `timm:`: a model of timm, or a folder with one."""
    import timm

    if name and (folder := expanded(name)).is_dir():
        if not is_regular(folder / TRANSFORMERS_CONFIG):
            raise DataError(
                f"the folder {folder} is no model of timm: expected {TRANSFORMERS_CONFIG} and the "
                "weights in it, as timm.models.save_for_hf writes them and the hub has them"
            )
        folder = folder.resolve()
        if not weights_files(folder):
            raise DataError(
                f"the folder {folder} has {TRANSFORMERS_CONFIG} but no weights; put "
                f"model{SAFE_SUFFIX} next to it"
            )
        model = f"{LOCAL}{folder}"
        return EncoderSource(f"{TIMM}{folder}", model, str(folder), "timm", folder=folder)
    if name.startswith(("/", "./", "../", "~")):
        raise UsageError(f"there is no folder {name}; expected the folder of a model of timm")
    if not timm.is_model(name):
        hint = _hint(get_close_matches(name, timm.list_models(), cutoff=0.5))
        raise UsageError(
            f"timm has no model {name!r}: {hint}expected the name of one of its models as in "
            "tiny+timm:vit_small_patch14_dinov2.lvd142m, or a folder with one; "
            "timm.list_pretrained() lists all"
        )
    return EncoderSource(f"{TIMM}{name}", name, name, "timm")


def weights_files(folder: Path) -> list[Path]:
    """Return the files of weights in an encoder folder, the preferred one first."""
    # In a hub's folder the links of files that were never downloaded lead to nothing.
    files = [file for file in folder.iterdir() if file.suffix in WEIGHTS_SUFFIXES]
    weights = [file for file in files if file.name != WHITENING_FILE and is_regular(file)]
    return sorted(weights, key=lambda file: (WEIGHTS_SUFFIXES.index(file.suffix), file.name))


def _unknown_model(name: str, model: str, models: Sequence[str]) -> str:
    if name.startswith(("/", "./", "../", "~")):
        return f"there is no folder {name}; expected one with {CONFIG_FILE} and the weights"
    near = get_close_matches(model, [*EMBEDDED, *models], n=5, cutoff=0.5)
    if name.count("/") == 1 and not near:
        near = [f"{PREFIX}{name}"]
    return (
        f"unknown encoder {name!r}: {_hint(near)}expected 'tiny', 'tiny-128', MODEL/WEIGHTS as in "
        "'ViT-B-32/laion2b_s34b_b79k', hf-hub:ORGANISATION/MODEL, timm:MODEL, or a folder with a "
        "model of open_clip, transformers or timm; "
        "open_clip.list_pretrained() lists all"
    )


def _unknown_weights(model: str, weights: str, tags: Sequence[str]) -> str:
    known = ", ".join(f"{model}/{tag}" for tag in tags) or f"none for {model}"
    listing = (
        f"open_clip knows {known}; other weights are read from a folder with {CONFIG_FILE} beside "
        "them"
    )
    if not weights:
        return f"the encoder {model!r} is an architecture without weights: {listing}"
    hint = _hint(get_close_matches(weights.lower(), tags, cutoff=0.5))
    return f"unknown weights {weights!r} for {model}: {hint}{listing}"


def _hint(near: Sequence[str]) -> str:
    return f"did you mean {' or '.join(near)}? " if near else ""
