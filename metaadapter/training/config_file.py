"""A training configuration from a TOML file and `--set` overrides, with errors that teach."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from metaadapter.data.proof import read_document
from metaadapter.data.regular_files import regular
from metaadapter.data.strict_json import json_text
from metaadapter.errors import DataError, UsageError
from metaadapter.training.config import TrainConfig

RESOLVED, RUN_SCHEMA = "resolved.json", "metaadapter.training_run/2"
REMEDY = "give --resume a folder that `metaadapter train` wrote, or start anew with --out"
LONGEST_SHOWN = 200
Model = TypeVar("Model", bound=BaseModel)


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a TOML file, change it by overrides, check it, and make its paths absolute.

    An override is `key.key=value`, the value in TOML or a bare word. A number in the key counts the
    entries of a list: `data.sources.0.weight=2`.

    Raises:
        DataError: The file cannot be read, or a key or a value is wrong; each fault is named with
            what was expected, what came, and the nearest known key.
        UsageError: An override has no `=`, or leads through something that is not a table.
    """
    return _config(read_toml(path), overrides, path)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        return tomllib.loads(regular(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read the configuration {path}: {error.strerror}") from error
    except RecursionError as error:
        raise DataError(f"{path} is nested too deeply") from error
    except ValueError as error:
        raise DataError(f"{path} is not TOML: {error}") from error


def checked(model: type[Model], content: Mapping[str, Any], *, owner: str) -> Model:
    """A configuration from plain values, whose owner messages name.

    Raises:
        DataError: A key or a value is wrong; each fault is named with what was expected, what
            came, and the nearest known key.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = [_explain(model, fault) for fault in error.errors()]
        raise DataError("\n  ".join([f"{owner} is wrong:", *faults])) from error


def open_run(folder: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """The configuration of a run that was started before, changed as by `load_config`."""
    path = folder / RESOLVED
    content, _ = read_document(path, RUN_SCHEMA, REMEDY, without_proof=(None,))
    # The identities of code are no part of the configuration.
    content = {key: value for key, value in content.items() if key not in ("schema", "code")}
    return _config(content, overrides, path)


def config_differences(old: TrainConfig, new: TrainConfig) -> list[str]:
    """`key: old → new` for every value in which two configurations differ.

    Not so `data.root`: the same stores may have moved.
    """
    was, now = _flat(_plain(old)), _flat(_plain(new))
    keys = [key for key in {**was, **now} if was.get(key) != now.get(key) and key != "data.root"]
    return [f"{key}: {was.get(key, 'absent')} → {now.get(key, 'absent')}" for key in keys]


def _config(content: dict[str, Any], overrides: Sequence[str], path: Path) -> TrainConfig:
    for override in overrides:
        _apply(content, override)
    config = checked(TrainConfig, content, owner=f"the configuration {path}")
    return _resolve_paths(config, path.parent)


def _apply(content: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not all(part.strip() for part in key.split(".")):
        raise UsageError(f"--set expects KEY=VALUE, such as optim.lr=0.002, got {override!r}")
    *above, last = key.strip().split(".")
    place: Any = content
    for part in above:
        place = _entry(place, part, override)
    if isinstance(place, list):
        _entry(place, last, override)
        place[int(last)] = _toml_value(text)
    elif isinstance(place, dict):
        place[last] = _toml_value(text)
    else:
        raise UsageError(f"--set {override}: {'.'.join(above)} is a value and has no {last!r}")


def _entry(place: Any, part: str, override: str) -> Any:
    if isinstance(place, dict):
        return place.setdefault(part, {})
    if isinstance(place, list) and part in map(str, range(len(place))):
        return place[int(part)]
    count = f"a list of {len(place)}, counted from 0" if isinstance(place, list) else repr(place)
    raise UsageError(f"--set {override}: {part!r} cannot be looked up in {count}")


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except RecursionError as error:
        raise UsageError(f"--set {_shown(text)} is nested too deeply") from error
    except ValueError as error:
        if text.strip().startswith(("'", '"')):
            raise UsageError(
                f"--set expects a value in TOML or a bare word, got {text.strip()}, whose quotes "
                f"are not TOML's: {error}. Leave the quotes out, or write \\ twice"
            ) from error
        return text.strip()


def _explain(model: type[BaseModel], fault: Mapping[str, Any]) -> str:
    """One line: the key, what was expected, what came, the nearest known key."""
    location = fault["loc"]
    key = ".".join(map(str, location))
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        known = _known_keys(model, location[:-1])
        near = get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        meant = f"did you mean {near[0]!r}? " if near else ""
        return f"{key}: no such key; {meant}Known here: {', '.join(known)}"
    if fault["type"] == "missing":
        return f"{key}: missing, and there is no default"
    if fault["type"] == "value_error":
        return ": ".join(filter(None, [key, fault["msg"].removeprefix("Value error, ")]))
    expected = fault["msg"].removeprefix("Input should be ")
    return f"{key}: expected {expected}, got {_shown(fault['input'])}"


def _shown(value: Any) -> str:
    """A value for a message, or what it is where that would fill pages."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested deeply, or an integer of thousands of digits
        return f"a very long {type(value).__name__}"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _known_keys(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Keys of the table at a place in the configuration."""
    schema = table = model.model_json_schema()
    for part in location:
        if isinstance(part, str):
            # X, X or null, a list of X: there is one table in each.
            name = re.findall(r"#/\$defs/(\w+)", json_text(table["properties"][part]))[0]
            table = schema["$defs"][name]
    return list(table["properties"])


def _resolve_paths(config: TrainConfig, folder: Path) -> TrainConfig:
    """Absolute paths, so that a run can be gone on with from anywhere."""

    def absolute(path: str) -> str:
        return str(find_path(path, folder))

    def own_code(name: str) -> str:
        file, _, attribute = name.rpartition(":")
        return f"{absolute(file)}:{attribute}"

    content = _plain(config)
    data, loss = content["data"], content["loss"]
    data["root"] = absolute(data["root"])
    for source in (*data["sources"], *data["validation_classes"], *data["validation_domains"]):
        if source["classes"]:
            source["classes"]["split"] = absolute(source["classes"]["split"])
    if content["start"] not in (None, "default"):
        content["start"] = absolute(content["start"])
    if content["generator"]:
        content["generator"] = own_code(content["generator"])
    loss["own"] = {own_code(name): weight for name, weight in loss["own"].items()}
    return TrainConfig.model_validate(content)


def find_path(path: str, folder: Path) -> Path:
    """`path` from the config's folder if it leads somewhere there, else from where one is."""
    beside = folder / path
    try:
        return (beside if beside.exists() else Path(path)).resolve()
    except (OSError, ValueError) as error:
        raise DataError(f"{path!r} cannot be a path: {error}; correct the configuration") from error


def _plain(config: TrainConfig) -> dict[str, Any]:
    return config.model_dump(mode="json", by_alias=True)


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict | list):
        return {prefix: value}
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    parts = [_flat(entry, f"{prefix}.{key}".removeprefix(".")) for key, entry in entries]
    return {key: each for part in parts for key, each in part.items()}
