"""A method of one's own: a function in a Python file, named FILE.py:FUNCTION."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from typing import Any

from metaadapter.adapter import AdapterWeights
from metaadapter.baselines import Peer, Support
from metaadapter.errors import UsageError
from metaadapter.evaluation.label_guard import LabelsRead

__all__ = ["is_own_method", "load_own_method"]


def is_own_method(name: str) -> bool:
    """Whether a name is of the form FILE.py:FUNCTION."""
    return name.rpartition(":")[0].endswith(".py")


def load_own_method(name: str) -> tuple[Peer, str]:
    """The function, and twelve hex digits that change with its file.

    The file is run as a script would be, its folder first among those that modules are looked for
    in. What it imports from there is not in the digits.

    Raises:
        UsageError: There is no such file or function, or the file cannot be run.
    """
    file, _, function = name.rpartition(":")
    path = Path(file)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"method {name!r}: cannot read {file}: {error.strerror or error}"
        ) from error
    identity = hashlib.sha256(content).hexdigest()[:12]
    found = getattr(_run(path, identity, name), function, None)
    if not callable(found):
        raise UsageError(f"method {name!r}: there is no function {function!r} in {file}")
    return _checked(name, found), identity


def _run(path: Path, identity: str, name: str) -> Any:
    # By content, so that two files of one name stand side by side.
    spec = importlib.util.spec_from_file_location(f"own_method_{identity}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise UsageError(f"method {name!r} cannot be loaded: {_told(error)}") from error
    return module


def _checked(name: str, function: Peer) -> Peer:
    """The function, its faults told as its own."""

    def fit(support: Support, logit_scale: float) -> AdapterWeights:
        try:
            weights = function(support, logit_scale)
        except LabelsRead:
            raise
        except Exception as error:
            n_tasks, n_way, n_shot = support.support_mask_TNK.shape
            raise UsageError(
                f"method {name!r} failed on {n_tasks} task(s) of {n_way} ways and {n_shot} shots: "
                f"{_told(error)}"
            ) from error
        wanted = tuple(support.text_TND.shape)
        if not isinstance(weights, AdapterWeights) or tuple(weights.classes.shape) != wanted:
            got = type(weights).__name__
            if isinstance(weights, AdapterWeights):
                got = f"classes of shape {tuple(weights.classes.shape)}"
            raise UsageError(
                f"method {name!r} must return AdapterWeights of all tasks, classes of shape "
                f"{wanted} (tasks, ways, width); got {got}"
            )
        return weights

    return fit


def _told(error: Exception) -> str:
    """What went wrong, and in which line."""
    places = traceback.extract_tb(error.__traceback__)
    where = ""
    if places and places[-1].filename != __file__:
        where = f" ({Path(places[-1].filename).name}, line {places[-1].lineno})"
    return f"{type(error).__name__}: {error}{where}"
