"""Generators by name or from a folder."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from metaadapter.atomic_files import replace_file
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.generator.generator import Generator, GeneratorConfig

__all__ = ["generator_id", "load_generator", "save_generator"]

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
SCHEMA = "metaadapter.generator/1"
SHIPPED = Path(__file__).parents[1] / "assets" / "generator"


def load_generator(name: str | Path = "default") -> Generator:
    """A generator in evaluation mode.

    Args:
        name: `"default"` (the trained one that the package ships, for any encoder),
            `"closed-form"` (untrained: kernel ridge towards the text), or the path of a folder
            written by `save_generator`.

    Raises:
        UsageError: if there is no such generator.
        IncompatibleArtifact: if the folder's files do not fit this version.
    """
    if str(name) == "closed-form":
        return _untrained()
    folder = SHIPPED if str(name) == "default" else Path(name)
    if not (folder / CONFIG_FILE).is_file():
        raise UsageError(
            f"no generator {str(name)!r}: expected 'default', 'closed-form' or a folder that holds "
            f"{CONFIG_FILE} and {WEIGHTS_FILE}"
        )
    try:
        stored = json.loads((folder / CONFIG_FILE).read_bytes())
    except ValueError as error:
        raise IncompatibleArtifact(
            f"{folder / CONFIG_FILE} is no JSON ({error}); restore it from a copy, or train the "
            "generator again"
        ) from error
    schema = stored.get("schema") if isinstance(stored, dict) else None
    if schema != SCHEMA:
        raise IncompatibleArtifact(
            f"{folder / CONFIG_FILE}: expected schema {SCHEMA!r}, found {schema!r}; "
            "upgrade metaadapter or train the generator again"
        )
    try:
        generator = Generator(GeneratorConfig(**stored["network"]))
        generator.load_state_dict(load_file(folder / WEIGHTS_FILE))
    except (TypeError, KeyError, RuntimeError, OSError, SafetensorError) as error:
        raise IncompatibleArtifact(
            f"{folder}: the generator's weights do not fit its configuration or this version of "
            f"metaadapter: {error}"
        ) from error
    return generator.eval()


def save_generator(generator: Generator, folder: Path) -> None:
    """Write `config.json` and `model.safetensors`; no pickle."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in generator.state_dict().items()}
    replace_file(folder / WEIGHTS_FILE, save(weights, metadata={"format": "pt"}))
    config = {"schema": SCHEMA, "network": generator.describe()}
    replace_file(folder / CONFIG_FILE, json.dumps(config, indent=2) + "\n")


def generator_id(generator: Generator) -> str:
    """Twelve hex digits that change with any weight of the generator or with its shape."""
    digest = hashlib.sha256(json.dumps(generator.describe(), sort_keys=True).encode())
    for name, tensor in sorted(generator.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _untrained() -> Generator:
    """The same weights in every process, without touching the caller's random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Generator().eval()
