"""The folder of a training run: its configuration, its lock, and its checkpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from metaadapter.errors import DataError, UsageError
from metaadapter.features.device import choose_device
from metaadapter.features.store.header import LOCK_FILE
from metaadapter.files.checksums import read_document, write_document
from metaadapter.files.code_identity import code_identity
from metaadapter.files.output_folder import hold_lock, write_errors
from metaadapter.files.user_code import load_user_code
from metaadapter.training.config import TrainConfig
from metaadapter.training.config_file import resolved_config


def training_device(name: str) -> torch.device:
    """Return the device with this name; "auto" is the first CUDA GPU, or the CPU without one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.partition(":")[0] == "mps":
        raise UsageError(
            "training solves its closed forms in float64, which device 'mps' does not have; use "
            "--device cpu"
        )
    return choose_device(name)


def require_same_data(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Raise `DataError` unless the data of a run have these digests, by source, still."""
    changed = [name for name, digest in before.items() if now.get(name) != digest]
    if changed:
        raise DataError(
            f"the data of {', '.join(map(repr, changed))} have changed since the run began: "
            "pictures, views, labels or texts differ. Restore the stores, name their new folder "
            "with --set data.root=FOLDER, or start a new run with --out"
        )


CONFIG, RESOLVED, RUN_SCHEMA = "config.toml", "resolved.json", "metaadapter.training_run/1"
REMEDY = "give --resume a run folder that is whole, or start a new run with --out ANOTHER_FOLDER"
# The files of a run that was killed before it began.
UNFINISHED = {f"{CONFIG}.new.tmp", f"{CONFIG}.new", f"{RESOLVED}.tmp"}


@contextmanager
def hold_run(folder: Path, *, is_new: bool) -> Iterator[None]:
    """Create the folder, which must be empty for a new run, and keep other processes out of it."""
    if is_new:
        _require_empty(folder)
    with write_errors(f"the training run {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    with hold_lock(folder / LOCK_FILE, f"the run folder {folder}"):
        if is_new:  # another run may have come and gone before this one held the lock
            _require_empty(folder)
        yield


def write_config(folder: Path, config: TrainConfig, config_text: str | None) -> None:
    """Write the configuration for `open_run`, and the text of a new run's TOML file."""
    document = {"schema": RUN_SCHEMA, "code": _code_of(config), **config.plain()}
    with write_errors(f"the training run {folder}"):
        contents = {} if config_text is None else {CONFIG: config_text}
        write_document(folder / RESOLVED, document, contents)


def open_run(folder: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read the configuration of a run, with overrides as for `load_config`."""
    content = _stored(folder)
    # The identity of code does not belong to the configuration.
    values = {key: value for key, value in content.items() if key not in ("schema", "code")}
    return resolved_config(values, overrides, folder / RESOLVED)


def require_same(folder: Path, config: TrainConfig) -> None:
    """Raise `UsageError` if a run began with another configuration or other code of the user.

    `data.root` may differ, because the same stores may have moved.
    """
    now = config.plain()
    before = open_run(folder).plain()
    before["data"]["root"] = now["data"]["root"]
    if changed := [key for key in now if before[key] != now[key]]:
        raise UsageError(
            f"the run {folder} was started with another configuration, which a resumed run cannot "
            f"change: {', '.join(changed)} differ. Leave the configuration out, or start a new run"
        )
    if _stored(folder)["code"] != _code_of(config):
        raise UsageError(
            f"the code of {config.generator}, or of a module that it imports, has changed since "
            f"the run {folder} began. Restore it, or start a new run with --out"
        )


def _stored(folder: Path) -> dict[str, Any]:
    return read_document(folder / RESOLVED, RUN_SCHEMA, REMEDY)[0]


def _code_of(config: TrainConfig) -> str:
    """Return the identity of the user's generator; "" without one."""
    if not config.generator:
        return ""
    return code_identity(load_user_code(config.generator, kind="generator"))


def _require_empty(folder: Path) -> None:
    # Hidden files belong to file managers, or are the lock of a run that never began.
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if any(not name.startswith(".") for name in names - UNFINISHED):
        raise DataError(
            f"{folder} is not empty; resume the run in it with --resume {folder}, or choose "
            "another folder with --out"
        )


CHECKPOINT_SCHEMA = "metaadapter.training_checkpoint/1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tensors in named groups ("network", "optimizer", …), and plain values."""

    tensors: Mapping[str, Mapping[str, Tensor]]
    values: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Write the document `path` and the tensors beside it; a crash leaves the old ones."""
        flat = {
            # Cloned: safetensors refuses tensors that share memory.
            f"{group}/{name}": tensor.detach().cpu().clone().contiguous()
            for group, members in self.tensors.items()
            for name, tensor in members.items()
        }
        about = {"schema": CHECKPOINT_SCHEMA, "groups": list(self.tensors), **self.values}
        write_document(path, about, {_tensors_of(path): save(flat)})


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU; `DataError` or `IncompatibleArtifact` says what is wrong."""
    values, proof = read_document(path, CHECKPOINT_SCHEMA, REMEDY)
    del values["schema"]
    groups: dict[str, dict[str, Tensor]] = {group: {} for group in values.pop("groups")}
    # Sorted, because safetensors gives them in any order.
    for key, tensor in sorted(load(proof.read(_tensors_of(path))).items()):
        group, _, name = key.partition("/")
        groups[group][name] = tensor
    return Checkpoint(groups, values)


def _tensors_of(path: Path) -> str:
    return path.with_suffix(".safetensors").name
