"""Models of the Hugging Face hub as folders in its cache, without program code."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.silence import silence
from metaadapter.errors import DataError, MetaAdapterError, UsageError

PREFIX = "hf-hub:"
SETTINGS = ("*.json", "*.txt", "*.model")
# Weights in the order of preference: of open_clip, of transformers and timm, and those that are
# only tensors in a pickle, which open_clip reads without running code.
OPEN_CLIP_CONFIG = "open_clip_config.json"
OPEN_CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
WEIGHTS = "model*.safetensors"


def hub_folder(name: str) -> Path:
    """Return the folder of a model in the cache of the hub, after fetching what it lacks.

    Args:
        name: hf-hub:ORGANISATION/MODEL, or hf-hub:ORGANISATION/MODEL@REVISION with a branch, a tag
            or a commit. Without a network, or with HF_HUB_OFFLINE=1, the cache must have the model.

    Raises:
        UsageError: The name has another form, or the hub has no such model or revision.
        DataError: The model is not on this machine and cannot be downloaded.
    """
    from huggingface_hub import snapshot_download

    repository, _, revision = name.removeprefix(PREFIX).partition("@")
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise UsageError(
            f"{name!r} names no model of the hub: expected {PREFIX}ORGANISATION/MODEL as in "
            f"{PREFIX}imageomics/bioclip-2, perhaps with @REVISION"
        )
    fetch = partial(
        snapshot_download, repository, revision=revision or None, ignore_patterns=["*/*"]
    )
    with silence():
        try:
            folder = Path(fetch(allow_patterns=list(SETTINGS)))
            if (folder / OPEN_CLIP_CONFIG).exists():
                for file in OPEN_CLIP_WEIGHTS:
                    fetch(allow_patterns=[file])
                    if (folder / file).exists():
                        break
            else:
                fetch(allow_patterns=[WEIGHTS])
        except Exception as error:
            if is_shortage(error):
                raise
            raise _explain(name, repository, error) from error
    return folder


def _explain(name: str, repository: str, error: Any) -> MetaAdapterError:
    from huggingface_hub import errors

    reason = " ".join(str(error).split())[:300]
    if isinstance(error, errors.GatedRepoError):
        return DataError(
            f"the hub gives {name} only to people who accept its licence: accept it at "
            f"https://huggingface.co/{repository}, then run `hf auth login`"
        )
    if isinstance(
        error,
        errors.RepositoryNotFoundError | errors.RevisionNotFoundError | errors.HFValidationError,
    ):
        return UsageError(f"the hub has no model {name}, or keeps it private; it says: {reason}")
    return DataError(
        f"the encoder {name} is not on this machine and could not be downloaded. On a machine with "
        f"a network run `hf download {repository} --local-dir {repository.partition('/')[2]}`, "
        f"copy that folder here and give its path as the encoder. The hub says: {reason}"
    )
