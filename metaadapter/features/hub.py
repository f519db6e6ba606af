"""Models of the Hugging Face hub as folders in its cache, without program code."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

from metaadapter.data.machine_errors import is_shortage
from metaadapter.data.silence import silence
from metaadapter.errors import DataError, MetaAdapterError, UsageError
from metaadapter.features.transformers_model import CONFIG_FILE, WEIGHTS, family_in

PREFIX = "hf-hub:"
SETTINGS = ("*.json", "*.txt", "*.model")
# The files of weights in the order of preference. The last of each kind is a pickle, of which only
# tensors are read, and for which transformers has no such reader.
OPEN_CLIP_CONFIG = "open_clip_config.json"
OPEN_CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
TIMM_WEIGHTS = (WEIGHTS, "pytorch_model.bin")


@cache
def hub_folder(name: str) -> Path:
    """Return the folder of a model in the cache of the hub, after fetching what it lacks.

    A process asks the hub once for each name: without a network every request waits, and a command
    should not change the revision halfway.

    Args:
        name: hf-hub:ORGANISATION/MODEL, or hf-hub:ORGANISATION/MODEL@REVISION with a branch, a tag
            or a commit. Without a network, or with HF_HUB_OFFLINE=1, the cache must have the model.

    Raises:
        UsageError: The name has another form, or the hub has no such model or revision.
        DataError: The model is not on this machine and cannot be downloaded.
    """
    repository, _, revision = name.removeprefix(PREFIX).partition("@")
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise UsageError(
            f"{name!r} names no model of the hub: expected {PREFIX}ORGANISATION/MODEL as in "
            f"{PREFIX}imageomics/bioclip-2, perhaps with @REVISION"
        )
    fetch = partial(_fetch, name, repository, revision or None)
    folder = fetch(*SETTINGS)
    patterns: tuple[str, ...]
    if (folder / OPEN_CLIP_CONFIG).exists():
        patterns = OPEN_CLIP_WEIGHTS
    elif (folder / CONFIG_FILE).exists():
        patterns = TIMM_WEIGHTS if family_in(folder) is None else (WEIGHTS,)
    else:
        return folder  # `resolve_encoder` says what it lacks
    for pattern in patterns:
        fetch(pattern)
        if any(folder.glob(pattern)):
            return folder
    raise DataError(
        f"{name} has settings on this machine but no weights as {' or '.join(patterns)}. If the "
        "download was interrupted, repeat this on a machine with a network. If the hub has none, "
        "its weights may hold program code and are never read; a pull request there may have safe "
        f"ones: {PREFIX}{repository}@refs/pr/N"
    )


def _fetch(name: str, repository: str, revision: str | None, *patterns: str) -> Path:
    from huggingface_hub import snapshot_download

    with silence():
        try:
            folder = snapshot_download(
                repository,
                revision=revision,
                allow_patterns=list(patterns),
                ignore_patterns=["*/*"],
            )
        except Exception as error:
            if is_shortage(error):
                raise
            raise _explain(name, repository, revision, error) from error
    return Path(folder)


def _explain(name: str, repository: str, revision: str | None, error: Any) -> MetaAdapterError:
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
    pinned = f" --revision {revision}" if revision else ""
    folder = repository.partition("/")[2]
    return DataError(
        f"the encoder {name} is not on this machine and could not be downloaded. On a machine with "
        f"a network run `hf download {repository}{pinned} --local-dir {folder}`, "
        f"copy that folder here and give its path as the encoder. The hub says: {reason}"
    )
