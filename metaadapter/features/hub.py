"""Models of the Hugging Face hub as folders in its cache, without program code."""

from __future__ import annotations

import re
import warnings
from functools import cache, partial
from pathlib import Path

from metaadapter.data.hub import PREFIX, HubName, cached_folder, fetch
from metaadapter.errors import DataError
from metaadapter.features.transformers_model import CONFIG_FILE, WEIGHTS, family_in

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
    parsed = HubName.parse(name)
    fetch_files = partial(fetch, parsed, f"the encoder {name}")
    folder = fetch_files(*SETTINGS)
    for pattern in (patterns := _weights_for(folder)):
        fetch_files(pattern)
        if any(folder.glob(pattern)):
            return folder
    if not patterns:
        return folder  # `resolve_encoder` says what it lacks
    raise DataError(
        f"{name} has settings on this machine but no weights as {' or '.join(patterns)}. If the "
        "download was interrupted, repeat this on a machine with a network. If the hub has none, "
        "its weights may hold program code and are never read; a pull request there may have safe "
        f"ones: {PREFIX}{parsed.repository}@refs/pr/N"
    )


def warn_of_downloads(name: str, remembered_by: str) -> None:
    """Warn of models of the hub that an artifact names and that are not on this machine yet.

    They hold no code that runs, but anybody may have made the artifact and chosen them, and they
    are large. `remembered_by` is the artifact, as in "the adapter birds/".
    """
    from huggingface_hub import constants

    for model in re.findall(rf"{PREFIX}[^+]+", name):
        parsed = HubName.parse(model)
        if not constants.HF_HUB_OFFLINE and not _is_here(parsed):
            warnings.warn(
                f"{remembered_by} names the encoder {model}, which is not on this machine: it is "
                f"fetched from {constants.ENDPOINT}/{parsed.repository} into "
                f"{constants.HF_HUB_CACHE}",
                stacklevel=2,
            )


def _is_here(name: HubName) -> bool:
    folder = cached_folder(name)
    if folder is None:
        return False
    return any(any(folder.glob(pattern)) for pattern in _weights_for(folder))


def _weights_for(folder: Path) -> tuple[str, ...]:
    if (folder / OPEN_CLIP_CONFIG).exists():
        return OPEN_CLIP_WEIGHTS
    if (folder / CONFIG_FILE).exists():
        return TIMM_WEIGHTS if family_in(folder) is None else (WEIGHTS,)
    return ()
