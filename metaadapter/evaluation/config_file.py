"""An evaluation's configuration from a TOML file and what was given beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metaadapter.evaluation.config import EvaluationConfig
from metaadapter.training.config_file import checked, find_path, read_toml

__all__ = ["load_evaluation"]

STORES = ("stores", "support_from", "queries_from")


def load_evaluation(path: Path | None, given: Mapping[str, Any]) -> EvaluationConfig:
    """A configuration with absolute paths.

    Args:
        path: A TOML file with the keys of `EvaluationConfig`; its stores are seen from its own
            folder, or else from where one is.
        given: Values that replace those of the file. Stores replace all stores of the file.

    Raises:
        DataError: The file cannot be read, or a key or a value is wrong.
    """
    content: dict[str, Any] = {}
    if path is not None:
        content = read_toml(path)
        if any(key in given for key in STORES):
            content = {key: value for key, value in content.items() if key not in STORES}
        places = {key: _placed(content[key], path.parent) for key in STORES if key in content}
        content |= places
    owner = "the evaluation asked for" if path is None else f"the configuration {path}"
    return checked(EvaluationConfig, {**content, **given}, owner=owner)


def _placed(value: Any, folder: Path) -> Any:
    """Paths in full; what is none is left for `checked` to complain of."""
    if isinstance(value, list):
        return [_placed(each, folder) for each in value]
    return str(find_path(value, folder)) if isinstance(value, str) else value
