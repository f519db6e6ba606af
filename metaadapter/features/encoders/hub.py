"""Models of the Hugging Face hub as folders in its cache, without program code."""

from __future__ import annotations

from pathlib import Path

from metaadapter.errors import DataError
from metaadapter.features.encoders.transformers_model import CONFIG_FILE, WEIGHTS, family_in
from metaadapter.files.hub import PREFIX, HubName, fetch

SETTINGS = ("*.json", "*.txt", "*.model")
# The files of weights in the order of preference. The last of each kind is a pickle, of which only
# tensors are read, and for which transformers has no such reader.
OPEN_CLIP_CONFIG = "open_clip_config.json"
OPEN_CLIP_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
TIMM_WEIGHTS = (WEIGHTS, "pytorch_model.bin")


def hub_folder(name: str) -> Path:
    """Return the folder of a model in the cache of the hub, after fetching what it lacks.

    Args:
        name: hf-hub:ORGANISATION/MODEL, or hf-hub:ORGANISATION/MODEL@REVISION with a branch, a tag
            or a commit. Without a network, or with HF_HUB_OFFLINE=1, the cache must have the model.

    Raises:
        UsageError: The name has another form, or the hub has no such model or revision.
        DataError: The model is not on this machine and cannot be downloaded.
    """
    parsed, owner = HubName.parse(name), f"the encoder {name}"
    folder = fetch(parsed, owner, *SETTINGS)
    if (folder / OPEN_CLIP_CONFIG).exists():
        patterns: tuple[str, ...] = OPEN_CLIP_WEIGHTS
    elif (folder / CONFIG_FILE).exists():
        patterns = TIMM_WEIGHTS if family_in(folder) is None else (WEIGHTS,)
    else:
        return folder  # `resolve_encoder` says what it lacks
    for pattern in patterns:
        fetch(parsed, owner, pattern)
        if any(folder.glob(pattern)):
            return folder
    raise DataError(
        f"{name} has settings on this machine but no weights as {' or '.join(patterns)}. If the "
        "download was interrupted, repeat this on a machine with a network. If the hub has none, "
        "its weights may hold program code and are never read; a pull request there may have safe "
        f"ones: {PREFIX}{parsed.repository}@refs/pr/N"
    )
