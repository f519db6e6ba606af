"""Load and save generators: by name, from a folder, or from the user's own file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from metaadapter.data.checksums import read_document, write_document
from metaadapter.data.code_identity import code_identity
from metaadapter.data.given_values import given_path
from metaadapter.data.hub import PREFIX, Downloaded, HubName, download, is_hub_name, some_files
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import json_text
from metaadapter.data.user_code import explain, load_user_code, user_code_and_folder
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.generator.adapter_generator import AdapterGenerator, OfKind
from metaadapter.generator.closed_form import ClosedForm
from metaadapter.generator.elsewhere import (
    ELSEWHERE,
    FULL_TEXT,
    PLAIN_SCALE,
    TEMPERATURE,
    USUAL_SCALE,
    Elsewhere,
)
from metaadapter.generator.generator import Generator, GeneratorConfig

CONFIG_FILE, WEIGHTS_FILE = "config.json", "model.safetensors"
SCHEMA = "metaadapter.generator/1"
REMEDY = "restore it from a copy, or train the generator again"
# The largest files of a generator on the hub, in bytes; the one that ships has 2 MB.
MOST_TEXT, MOST_TENSORS = 2**20, 2**31
SHIPPED = Path(__file__).parents[1] / "assets" / "generator"


def load_generator(name: str | Path = "default") -> AdapterGenerator:
    """Return a generator in evaluation mode, with the constants that it was trained with.

    Args:
        name: One of these:

            - `"default"`: the trained generator that ships, for any encoder;
            - `"closed-form"`: an untrained generator, which is kernel ridge towards the text;
            - `"elsewhere"`: the default, made robust for pictures of another domain;
            - a folder that `save_generator` wrote;
            - hf-hub:ORGANISATION/NAME or hf-hub:ORGANISATION/NAME@REVISION: one on the hub;
            - FILE.py:CLASS: an `AdapterGenerator` of your own;
            - FILE.py:CLASS@FOLDER: your own with the trained weights in FOLDER.

    Raises:
        UsageError: There is no such generator.
        DataError: A file of the folder is damaged.
        IncompatibleArtifact: The folder's files do not fit this version.
    """
    if name == "closed-form":
        return _seeded(Generator).eval()
    if name == ELSEWHERE:
        return Elsewhere(load_generator()).eval()
    code, place = user_code_and_folder(str(name))
    if code:
        return _own(code, generator_folder(place) if place else None).eval()
    folder = generator_folder(name)
    if not (folder / CONFIG_FILE).is_file():
        raise UsageError(
            f"no generator {str(name)!r}: expected 'default', 'closed-form', 'elsewhere', "
            f"FILE.py:CLASS, {PREFIX}ORGANISATION/NAME or a folder that holds {CONFIG_FILE} and "
            f"{WEIGHTS_FILE}"
        )
    stored, weights = _read(folder)
    config = _config(stored, folder)
    # The meta device takes no memory, even if the configuration declares more than the file holds.
    with torch.device("meta"):
        generator = Generator(config)
    real = {name: tensor.float() for name, tensor in weights.items()}
    return _with_weights(generator, real, folder, assign=True).eval()


def load_as(kind: type[OfKind], place: str | Path) -> OfKind:
    """Return the generator in a folder or repository, which must be of this class."""
    if issubclass(kind, Generator) or kind is AdapterGenerator:
        generator: AdapterGenerator = load_generator(place)
    else:
        folder = generator_folder(place)
        generator = _with_weights(_seeded(kind), _read(folder)[1], folder).eval()
    if not isinstance(generator, kind):
        raise IncompatibleArtifact(
            f"{place} holds a {type(generator).__name__}, not a {kind.__name__}"
        )
    return generator


def shared_generator(name: str | Path | AdapterGenerator) -> tuple[AdapterGenerator, str]:
    """Return a generator and its `generator_id`, cached until a file of the generator changes.

    All callers share the generator, so load another before you change weights. A generator that is
    given in place of a name is returned unchanged.
    """
    if isinstance(name, AdapterGenerator):
        return name, generator_id(name)
    code, place = user_code_and_folder(str(name))
    folder = generator_folder(place or name)
    files = [folder / CONFIG_FILE, folder / WEIGHTS_FILE, Path(code.rpartition(":")[0])]
    changed = tuple(path.stat().st_mtime_ns for path in files if path.is_file())
    return _shared(str(name), str(Path.cwd()), changed)


def generator_folder(name: str | Path, *, named_by: str = "") -> Path:
    """Return the folder of a generator by its name; one on the hub is downloaded.

    If an artifact names it and not the user, `named_by` is the artifact, for a warning.

    Raises:
        UsageError: The hub has no such repository or revision.
        DataError: A file is too large, or it is not on this machine and cannot be downloaded.
        IncompatibleArtifact: The repository holds something else.
    """
    if name in ("default", ELSEWHERE):
        return SHIPPED
    return _downloaded(name, named_by).folder if is_hub_name(name) else given_path(name)


def recorded_name(name: str | Path) -> str:
    """Return the name of a generator for an adapter to record: on the hub, with its commit."""
    code, place = user_code_and_folder(str(name))
    if place:
        return f"{code}@{recorded_name(place)}"
    return str(HubName.parse(name).at(generator_folder(name))) if is_hub_name(name) else str(name)


def save_generator(generator: AdapterGenerator, folder: str | Path) -> None:
    """Write `config.json` and `model.safetensors` in one step, without a pickle or code.

    Raises:
        UsageError: `generator` is no generator.
    """
    if not isinstance(generator, AdapterGenerator):
        raise UsageError(
            "save_generator expects a generator, as from load_generator('default'), and a folder, "
            f"got {generator!r}"
        )
    folder = given_path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.contiguous() for name, tensor in generator.state_dict().items()}
    config: dict[str, Any] = {"schema": SCHEMA}
    if isinstance(generator, Generator):
        network = asdict(generator.config)
        config |= {"closed_form": network.pop("closed_form"), "network": network}
    else:
        config |= {"class": type(generator).__qualname__}
    weights = save(tensors, metadata={"format": "pt"})
    write_document(folder / CONFIG_FILE, config, {WEIGHTS_FILE: weights})


def generator_id(generator: AdapterGenerator) -> str:
    """Return twelve hexadecimal digits that change with the weights, the shape and the constants.

    The identity of a generator of your own changes with its code, too.
    """
    if isinstance(generator, Elsewhere):
        text = f"{ELSEWHERE} {FULL_TEXT} {PLAIN_SCALE} {TEMPERATURE} {USUAL_SCALE}"
    elif isinstance(generator, Generator):
        text = json_text(asdict(generator.config), sort_keys=True)
    else:
        text = f"{type(generator).__qualname__} {code_identity(type(generator))}"
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(generator.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=8)
def _shared(name: str, _cwd: str, _changed: tuple[int, ...]) -> tuple[AdapterGenerator, str]:
    generator = load_generator(name)
    return generator, generator_id(generator)


def _downloaded(name: str | Path, named_by: str) -> Downloaded:
    parsed = HubName.parse(name, like="ORGANISATION/generator")

    def choose(sizes: Mapping[str, int]) -> dict[str, int]:
        if CONFIG_FILE in sizes and WEIGHTS_FILE in sizes:
            return {CONFIG_FILE: MOST_TEXT, WEIGHTS_FILE: MOST_TENSORS}
        raise IncompatibleArtifact(
            f"{parsed} is not a generator: expected {CONFIG_FILE} and {WEIGHTS_FILE} in the "
            f"repository, as `metaadapter push` writes them; it has {some_files(sizes)}"
        )

    return download(parsed, "generator", choose, named_by=named_by)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    path = folder / CONFIG_FILE
    stored, proof = read_document(path, SCHEMA, REMEDY)
    try:
        tensors: dict[str, Tensor] = load(regular(proof.find(WEIGHTS_FILE)).read_bytes())
    except (OSError, SafetensorError) as error:
        raise DataError(f"cannot read {folder / WEIGHTS_FILE}: {error}; {REMEDY}") from error
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise DataError(f"{folder / WEIGHTS_FILE} holds weights that are NaN or infinite; {REMEDY}")
    return stored, tensors


def _config(stored: dict[str, Any], folder: Path) -> GeneratorConfig:
    if "class" in stored:
        raise IncompatibleArtifact(
            f"{folder} holds the weights of your own generator {stored['class']} without its code; "
            f"name both, as in FILE.py:{stored['class']}@{folder}"
        )
    try:
        constants = ClosedForm(**stored["closed_form"])
        return GeneratorConfig(**stored["network"], closed_form=constants)
    except (KeyError, TypeError, ValueError) as error:
        raise IncompatibleArtifact(
            f"{folder / CONFIG_FILE} does not describe a generator of this version of metaadapter: "
            f"{error}; {REMEDY}"
        ) from error


def _with_weights(
    generator: AdapterGenerator, weights: dict[str, Tensor], folder: Path, *, assign: bool = False
) -> AdapterGenerator:
    try:
        generator.load_state_dict(weights, assign=assign)
    except (KeyError, RuntimeError) as error:
        raise IncompatibleArtifact(
            f"{folder}: the generator's weights do not fit its configuration or this version of "
            f"metaadapter: {error}; {REMEDY}"
        ) from error
    return generator


def _own(code: str, folder: Path | None) -> AdapterGenerator:
    kind = load_user_code(code, kind="generator")
    if not (isinstance(kind, type) and issubclass(kind, AdapterGenerator)):
        raise UsageError(f"generator {code!r} must be a subclass of AdapterGenerator, got {kind!r}")
    try:
        generator = _seeded(kind)
    except Exception as error:
        raise UsageError(
            f"generator {code!r} cannot be made without arguments: {explain(error)}"
        ) from error
    return generator if folder is None else _with_weights(generator, _read(folder)[1], folder)


def _seeded(kind: type[AdapterGenerator]) -> AdapterGenerator:
    """Return a new generator, the same in every process; torch's random state does not change."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind()
