"""Find and build the model of open_clip, with its weights, that an encoder's name means."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from PIL import Image
from torch import Tensor

from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.regular_files import expanded, is_regular
from metaadapter.data.silence import silence
from metaadapter.errors import (
    DataError,
    IncompatibleArtifact,
    MetaAdapterError,
    MissingPackage,
    UsageError,
)
from metaadapter.features.encoder_proof import PROOF_FILE, proven_digest
from metaadapter.features.fingerprint import probe_picture
from metaadapter.features.second_tower import (
    SEPARATOR,
    SecondSource,
    SecondTower,
    build_second,
    resolve_second,
)
from metaadapter.features.whitening import WHITENING_FILE

TINY = Path(__file__).parents[1] / "assets" / "tiny"
# The names of the encoder in the package, each with its picture size; None for its own size.
EMBEDDED: dict[str, int | None] = {"tiny": None, "tiny-128": 128}
CONFIG_FILE = "open_clip_config.json"
WEIGHTS_SUFFIXES = (".safetensors", ".bin", ".pth", ".pt")
PREPROCESS_KEYS = ("mean", "std", "interpolation", "resize_mode")


@dataclass(frozen=True, slots=True)
class EncoderSource:
    """The arguments with which open_clip builds an encoder."""

    name: str
    model: str
    pretrained: str | None
    weights: str
    image_size: int | None = None
    folder: Path | None = None
    """The folder of the weights and their whitening; None for a tag or a file."""
    second: SecondSource | None = None

    @property
    def files(self) -> str:
        """The weights, and the configuration of a folder, as a subject of error messages."""
        if self.folder is None:
            return f"the weights {self.pretrained or self.weights}"
        files = (self.folder / CONFIG_FILE, *sorted(weights_files(self.folder)))
        return f"the files {', '.join(map(str, files))}"

    @property
    def named_file(self) -> str:
        """The weights file in the name, as in MODEL/FILE; "" if the name has none."""
        if self.pretrained is not None and Path(self.pretrained).is_absolute():
            return self.pretrained
        return "" if self.second is None else self.second.named_file


class OpenClipModel(NamedTuple):
    """A model of open_clip with its preprocessing and tokenizer, and a second tower, if any."""

    network: Any
    preprocess: Callable[[Image.Image], Tensor]
    tokenize: Callable[[list[str]], Tensor]
    second: SecondTower | None = None
    digest: str = ""
    """The digest of the network's weights, if its folder proves it."""


def resolve_encoder(name: str) -> EncoderSource:
    """Find the model and the weights of an encoder by its name, as for `FrozenEncoder.load`."""
    first, separator, second_name = name.partition(SEPARATOR)
    if separator:
        source, second = resolve_encoder(first), resolve_second(second_name)
        return replace(source, name=f"{source.name}{SEPARATOR}{second.name}", second=second)
    if name in EMBEDDED:
        return replace(_folder(TINY), name=name, image_size=EMBEDDED[name])
    folder = expanded(name)
    if name and folder.is_dir():
        return _folder(folder.resolve())
    import open_clip

    model, _, weights = name.partition("/")
    if model not in open_clip.list_models():
        raise UsageError(_unknown_model(name, model, open_clip.list_models()))
    tags = open_clip.list_pretrained_tags_by_model(model)
    tag = weights.lower().replace("-", "_")  # open_clip accepts both spellings
    if tag in tags:
        return EncoderSource(f"{model}/{tag}", model, tag, tag)
    file = expanded(weights)
    if weights and is_regular(file):
        file = file.resolve()
        return EncoderSource(f"{model}/{file}", model, str(file), file.name)
    raise UsageError(_unknown_weights(model, weights, tags))


def build_model(source: EncoderSource) -> OpenClipModel:
    """Build the model on the CPU in float32; its weights come from the disk or from the hub."""
    import open_clip

    folder = source.folder
    is_proven = folder is not None and (folder == TINY or (folder / PROOF_FILE).exists())
    digest = proven_digest(folder) if folder is not None and is_proven else ""
    with silence():
        try:
            network, preprocess = open_clip.create_model_from_pretrained(
                source.model,
                source.pretrained,
                weights_only=True,
                force_image_size=source.image_size,
                # open_clip only warns about weights trained with QuickGELU in a model without it.
                force_quick_gelu=_tag(source).get("quick_gelu", False),
                **_preprocessing_of_file(source),
            )
        except Exception as error:
            if is_shortage(error):
                raise
            raise _explain(source, error) from error
        tokenize = _tokenizer(source)
        second = None
        if source.second is not None:
            config = network.visual.preprocess_cfg
            probe = preprocess(probe_picture())[None]
            second = build_second(source.second, probe, config["mean"], config["std"])
    return OpenClipModel(network, preprocess, tokenize, second, digest)


def _folder(folder: Path) -> EncoderSource:
    if not is_regular(folder / CONFIG_FILE):
        raise DataError(
            f"the folder {folder} is no encoder: expected {CONFIG_FILE} in it, as in a model "
            "folder of a hub; for a single weights file write MODEL/FILE"
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
    return EncoderSource(str(folder), f"local-dir:{folder}", None, folder.name, folder=folder)


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
    hint = f"did you mean {', '.join(near)}? " if near else ""
    return (
        f"unknown encoder {name!r}: {hint}expected 'tiny', 'tiny-128', MODEL/WEIGHTS as in "
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


def _tag(source: EncoderSource) -> dict[str, Any]:
    import open_clip

    return dict(open_clip.get_pretrained_cfg(source.model, source.pretrained or ""))


def _preprocessing_of_file(source: EncoderSource) -> dict[str, Any]:
    """Return the preprocessing that all tags of the architecture share; {} if they differ."""
    import open_clip

    if source.pretrained is None or _tag(source):
        return {}
    tags = open_clip.list_pretrained_tags_by_model(source.model)
    configs = [open_clip.get_pretrained_cfg(source.model, tag) for tag in tags]
    choices = [{f"image_{key}": config[key] for key in PREPROCESS_KEYS} for config in configs]
    return choices[0] if choices and all(choice == choices[0] for choice in choices) else {}


def _tokenizer(source: EncoderSource) -> Callable[[list[str]], Tensor]:
    import open_clip

    try:
        tokenize: Callable[[list[str]], Tensor] = open_clip.get_tokenizer(source.model)
        return tokenize
    except ImportError as error:
        package = error.name or "transformers"
        raise MissingPackage(
            f"the tokenizer of {source.model} needs the package {package}: pip install {package}"
        ) from error
    except Exception as error:
        if is_shortage(error):
            raise
        text_config = (open_clip.get_model_config(source.model) or {}).get("text_cfg", {})
        name = text_config.get("hf_tokenizer_name") or f"of {source.model}"
        raise DataError(
            f"the weights of {source.name} are here, but its tokenizer {name} is not, or cannot be "
            f"read, and could not be downloaded. On a machine with a network load the encoder once "
            "and copy the cache of the hub (the folder HF_HOME) here; or give as the encoder a "
            "model folder of the hub with its tokenizer files. The tokenizer says: "
            f"{' '.join(str(error).split())[:300]}"
        ) from error


def _explain(source: EncoderSource, error: Exception) -> MetaAdapterError:
    reason = " ".join(str(error).split())
    if "pip install transformers" in reason:
        return MissingPackage(
            f"the text tower of {source.model} needs the package transformers: "
            "pip install transformers"
        )
    if reason.startswith("Failed to download") or (_tag(source) and isinstance(error, OSError)):
        # "organisation/repository/file", or "organisation/repository/" for the file of usual name.
        repository = "/".join(PurePosixPath(_tag(source)["hf_hub"]).parts[:2])
        return DataError(
            f"the weights {source.weights} of {source.model} are not on this machine and could not "
            f"be downloaded. On a machine with a network run `hf download {repository} --local-dir "
            f"{PurePosixPath(repository).name}`, copy that folder here and give its path as the "
            "encoder. The encoder `tiny` needs no download"
        )
    if isinstance(error, pickle.UnpicklingError):
        return IncompatibleArtifact(
            f"{source.files} of the encoder {source.name} are damaged or hold "
            "program code, which is never run; expected tensors only, best as .safetensors"
        )
    return IncompatibleArtifact(
        f"{source.files} do not fit the encoder {source.name}: expected the tensors of its "
        "architecture; if they are damaged, restore them from a copy; open_clip says: "
        f"{reason[:300]}"
    )
