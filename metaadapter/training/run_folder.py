"""The folder of a training run: what it begins with, its log, and one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metaadapter.data.code_identity import code_identity
from metaadapter.data.output_folder import hold_lock, write_errors
from metaadapter.data.proof import write_document
from metaadapter.data.strict_json import parse_json
from metaadapter.data.user_code import load_user_code
from metaadapter.errors import DataError, UsageError
from metaadapter.features.store.folder import LOCK_FILE
from metaadapter.training.config import TrainConfig
from metaadapter.training.config_file import (
    RESOLVED,
    RUN_SCHEMA,
    config_differences,
    open_run,
)

CONFIG = "config.toml"
# What a run leaves that is killed before it has begun.
UNFINISHED = {f"{CONFIG}.new.tmp", f"{CONFIG}.new", f"{RESOLVED}.tmp"}


@contextmanager
def hold_run(folder: Path, *, is_new: bool) -> Iterator[None]:
    """Make the folder if need be, and keep other processes out until this one ends.

    Raises:
        DataError: There is something in that of a new run, another process has it, or it cannot be
            written.
    """
    if is_new:
        _require_empty(folder)
    with write_errors(f"the training run {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    with hold_lock(folder / LOCK_FILE, f"the run folder {folder}"):
        if is_new:  # another run may have come and gone before the lock was had
            _require_empty(folder)
        yield


def write_config(folder: Path, config: TrainConfig, config_text: str | None) -> None:
    """Write what `open_run` and `require_same` read, and for a new run its text beside it."""
    facts = config.model_dump(mode="json", by_alias=True)
    document = {"schema": RUN_SCHEMA, "code": _identities(config), **facts}
    with write_errors(f"the training run {folder}"):
        contents = {} if config_text is None else {CONFIG: config_text}
        write_document(folder / RESOLVED, document, contents)


def require_same(folder: Path, config: TrainConfig) -> None:
    """Check that a run was started with this configuration and with one's own code as it is now.

    Raises:
        UsageError: It was not.
    """
    differences = config_differences(open_run(folder), config)
    if differences:
        raise UsageError(
            f"the run {folder} was started with another configuration, and a run that goes on does "
            "not change. Leave the configuration out, or start a new run. Different are:\n  "
            + "\n  ".join(differences[:10])
        )
    before = parse_json((folder / RESOLVED).read_bytes()).get("code", {})
    changed = [name for name, now in _identities(config).items() if before.get(name) != now]
    if changed:
        raise UsageError(
            f"the code of {', '.join(changed)}, or of a module that it imports, is not that which "
            f"the run {folder} began with. Restore it, or start a new run with --out"
        )


def _identities(config: TrainConfig) -> dict[str, str]:
    return {
        name: code_identity(load_user_code(name, kind=kind))
        for name, kind in config.own_code.items()
    }


def _require_empty(folder: Path) -> None:
    # Hidden files are those of file managers, and the lock of a run that never began.
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if any(not name.startswith(".") for name in names - UNFINISHED):
        raise DataError(
            f"{folder} is not empty; go on with the run in it with --resume {folder}, or choose "
            "another folder with --out"
        )
