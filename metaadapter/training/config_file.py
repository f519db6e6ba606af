"""Read a training configuration from a TOML file and `--set` overrides, and explain its faults."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from metaadapter.errors import DataError, UsageError
from metaadapter.files.regular_files import regular
from metaadapter.files.strict_json import json_text
from metaadapter.training.config import TrainConfig


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a TOML file, apply overrides, check the result, and make its paths absolute.

    An override is `key.key=value`, whose value is TOML or a bare word. A number in the key is an
    index into a list: `data.sources.0.weight=2`.

    Raises:
        DataError: The file cannot be read, or a key or a value is wrong (see `check_config`).
        UsageError: An override has no `=`, or its key passes through something that is no table.
    """
    return resolved_config(read_toml(path), overrides, path)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file; `DataError` if it cannot be read."""
    try:
        return tomllib.loads(regular(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the configuration {path}: {error.strerror}") from error
    except RecursionError as error:
        raise DataError(f"{path} is nested too deeply") from error
    except ValueError as error:
        raise DataError(f"{path} is not TOML: {error}") from error


def resolved_config(content: dict[str, Any], overrides: Sequence[str], path: Path) -> TrainConfig:
    """Return the configuration that `content`, the tables of `path`, gives; see `load_config`."""
    for override in overrides:
        apply_override(content, override)
    config = check_config(TrainConfig, content, owner=f"the configuration {path}")
    return _resolve_paths(config, path.parent)


def find_path(path: str, folder: Path) -> Path:
    """Return the absolute `path` in `folder` if it exists there, else in the working directory."""
    in_folder = folder / path
    try:
        return (in_folder if in_folder.exists() else Path(path)).resolve()
    except (OSError, ValueError) as error:
        raise DataError(f"{path!r} cannot be a path: {error}; correct the configuration") from error


def apply_override(content: dict[str, Any], override: str) -> None:
    """Put the value of `key.key=value` into tables; a value is TOML or a bare word."""
    key, equals, text = override.partition("=")
    if not equals or not all(part.strip() for part in key.split(".")):
        raise UsageError(f"--set expects KEY=VALUE, such as optim.lr=0.002, got {override!r}")
    *above, last = key.strip().split(".")
    table: Any = content
    for part in above:
        table = _entry(table, part, override)
    if isinstance(table, list):
        _entry(table, last, override)
        table[int(last)] = _toml_value(text)
    elif isinstance(table, dict):
        table[last] = _toml_value(text)
    else:
        raise UsageError(f"--set {override}: {'.'.join(above)} is a value and has no {last!r}")


def _entry(table: Any, part: str, override: str) -> Any:
    if isinstance(table, dict):
        return table.setdefault(part, {})
    if isinstance(table, list) and part in map(str, range(len(table))):
        return table[int(part)]
    kind = f"a list of {len(table)}, counted from 0" if isinstance(table, list) else repr(table)
    raise UsageError(f"--set {override}: {part!r} cannot be looked up in {kind}")


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except RecursionError as error:
        raise UsageError(f"--set {shown(text)} is nested too deeply") from error
    except ValueError as error:
        if text.strip().startswith(("'", '"')):
            raise UsageError(
                f"--set expects a value in TOML or a bare word, got {text.strip()}, whose quotes "
                f"are not TOML's: {error}. Leave the quotes out, or write \\ twice"
            ) from error
        return text.strip()


def _resolve_paths(config: TrainConfig, folder: Path) -> TrainConfig:
    def absolute(path: str) -> str:
        return str(find_path(path, folder))

    content = config.plain()
    data = content["data"]
    data["root"] = absolute(data["root"])
    for source in (*data["sources"], *data["validation_classes"], *data["validation_domains"]):
        if source["classes"]:
            source["classes"]["split"] = absolute(source["classes"]["split"])
    if content["start"] not in (None, "default"):
        content["start"] = absolute(content["start"])
    if content["generator"]:
        file, _, name = content["generator"].rpartition(":")
        content["generator"] = f"{absolute(file)}:{name}"
    return TrainConfig.model_validate(content)


LONGEST_SHOWN = 200
Model = TypeVar("Model", bound=BaseModel)


def check_config(model: type[Model], content: Mapping[str, Any], *, owner: str) -> Model:
    """Return the configuration with these values; an error names `owner` and lists all faults."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise config_error(model, error, owner=owner) from error


def config_error(model: type[BaseModel], error: ValidationError, *, owner: str) -> DataError:
    """Return the error that names `owner` and lists all faults of a configuration."""
    faults = [_explain(model, fault) for fault in error.errors()]
    return DataError("\n  ".join([f"{owner} is wrong:", *faults]))


def shown(value: Any) -> str:
    """Return a value as text for a message; if it is very long, cut off or only its type."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested deeply, or an integer of thousands of digits
        return f"a very long {type(value).__name__}"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _explain(model: type[BaseModel], fault: Mapping[str, Any]) -> str:
    location = fault["loc"]
    key = ".".join(map(str, location))
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _known_keys(model, location[:-1])
        near = get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        suggestion = f"did you mean {near[0]!r}? " if near else ""
        return f"{key}: no such key; {suggestion}Known here: {', '.join(known)}"
    if fault["type"] == "missing":
        return f"{key}: missing, and there is no default"
    if fault["type"] == "value_error":
        return ": ".join(filter(None, [key, fault["msg"].removeprefix("Value error, ")]))
    expected = fault["msg"].removeprefix("Input should be ")
    return f"{key}: expected {expected}, got {shown(fault['input'])}"


def _known_keys(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    schema = table = model.model_json_schema()
    for part in location:
        if isinstance(part, str):
            # The schemas of X, of X or null, and of a list of X all refer to the one table X.
            name = re.findall(r"#/\$defs/(\w+)", json_text(table["properties"][part]))[0]
            table = schema["$defs"][name]
    return list(table["properties"])
