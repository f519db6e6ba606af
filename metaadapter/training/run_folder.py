"""The folder of a training run: what it begins with, and one process at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from metaadapter.atomic_files import replace_file
from metaadapter.errors import DataError, UsageError
from metaadapter.features.store.folder import LOCK_FILE
from metaadapter.own_folder import hold_lock
from metaadapter.training.config import TrainConfig
from metaadapter.training.config_file import config_differences, read_resolved

__all__ = [
    "hold_run",
    "open_run",
    "require_same_config",
    "with_kept_splits",
    "write_config",
    "write_resolved",
]

CONFIG, RESOLVED, SPLITS = "config.toml", "resolved.json", "splits"


def open_run(folder: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """The configuration of a run that was started before, changed as by `load_config`."""
    return read_resolved(folder / RESOLVED, overrides)


@contextmanager
def hold_run(folder: Path, *, is_new: bool) -> Iterator[None]:
    """Keep other processes out of the folder; the system frees it when this one ends.

    Args:
        folder: Of the run; made if it is not there.
        is_new: Whether there must be nothing in it yet.

    Raises:
        DataError: There is something, another process has it, or it cannot be written.
    """
    if is_new:
        _require_empty(folder)
    with _write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with hold_lock(folder / LOCK_FILE, f"the run folder {folder}"):
        if is_new:  # another run may have come and gone before the lock was had
            _require_empty(folder)
        yield


def write_config(folder: Path, config: TrainConfig, config_text: str) -> None:
    """Put the configuration of a new run into its folder, and the class splits that it names."""
    with _write_errors(folder):
        for path, copy in _split_copies(config, folder).items():
            copy.parent.mkdir(exist_ok=True)
            replace_file(copy, Path(path).read_bytes())
        replace_file(folder / CONFIG, config_text)


def write_resolved(folder: Path, config: TrainConfig) -> None:
    """Write what `open_run` reads."""
    with _write_errors(folder):
        replace_file(folder / RESOLVED, config.model_dump_json(by_alias=True, indent=2) + "\n")


def require_same_config(folder: Path, config: TrainConfig) -> None:
    """Check that a run was started with this configuration.

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


def with_kept_splits(config: TrainConfig, folder: Path) -> TrainConfig:
    """The configuration with the run's own copies of the class splits."""
    copies = _split_copies(config, folder)
    data = config.data.with_splits(lambda path: str(copies[path]))
    return config.model_copy(update={"data": data})


def _split_copies(config: TrainConfig, folder: Path) -> dict[str, Path]:
    """Where the run keeps each class split; two may have the same file name."""
    paths = dict.fromkeys(each.classes.split for each in config.data.all_sources if each.classes)
    return {
        path: folder / SPLITS / f"{number}-{Path(path).name}" for number, path in enumerate(paths)
    }


def _require_empty(folder: Path) -> None:
    # Hidden files are those of file managers, and the lock of a run that never began.
    if folder.is_dir() and any(not path.name.startswith(".") for path in folder.iterdir()):
        raise DataError(
            f"{folder} is not empty; go on with the run in it with --resume {folder}, or choose "
            "another folder with --out"
        )


@contextmanager
def _write_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write the training run {folder}: {error.strerror or error}; free some space, "
            "correct the permissions, or choose another folder with --out"
        ) from error
