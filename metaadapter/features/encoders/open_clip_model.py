"""Build the model of open_clip, with its weights, that an encoder's name means."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from torch import Tensor

from metaadapter.errors import DataError, IncompatibleArtifact, MetaAdapterError, MissingPackage
from metaadapter.features.encoders.encoder_model import EncoderModel
from metaadapter.features.encoders.encoder_source import EncoderSource
from metaadapter.files.machine_errors import is_shortage


def build_open_clip(source: EncoderSource) -> EncoderModel:
    """Build the model on the CPU in float32; its weights come from the disk or from the hub."""
    import open_clip

    try:
        network, preprocess = open_clip.create_model_from_pretrained(
            source.model,
            None if source.folder else source.weights,
            weights_only=True,
            force_image_size=source.image_size,
            # open_clip only warns about weights trained with QuickGELU in a model without it.
            force_quick_gelu=_tag(source).get("quick_gelu", False),
        )
    except Exception as error:
        if is_shortage(error):
            raise
        raise _explain(source, error) from error
    return EncoderModel(network, preprocess, _tokenizer(source))


def hub_repository(source: EncoderSource) -> str:
    """Return the repository of the hub from which open_clip fetches weights by their tag."""
    # "organisation/repository/file", or "organisation/repository/" for the file of usual name.
    return "/".join(PurePosixPath(_tag(source)["hf_hub"]).parts[:2])


def _tag(source: EncoderSource) -> dict[str, Any]:
    import open_clip

    return dict(open_clip.get_pretrained_cfg(source.model, source.weights))


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
        repository = hub_repository(source)
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
