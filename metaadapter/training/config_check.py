"""Check a configuration: each fault with its key, what was expected, what came, the nearest key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from metaadapter.data.strict_json import json_text
from metaadapter.errors import DataError

LONGEST_SHOWN = 200
Model = TypeVar("Model", bound=BaseModel)


def check_config(model: type[Model], content: Mapping[str, Any], *, owner: str) -> Model:
    """Return the configuration of plain values; messages name it by its `owner`.

    Raises:
        DataError: A key or a value is wrong; the message has a line for each fault.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        faults = [_explain(model, fault) for fault in error.errors()]
        raise DataError("\n  ".join([f"{owner} is wrong:", *faults])) from error


def shown(value: Any) -> str:
    """Return a value as a message shows it: cut off, or its type alone, if it is very long."""
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
    """Return the keys of the table at a location in the configuration."""
    schema = table = model.model_json_schema()
    for part in location:
        if isinstance(part, str):
            # X, X or null, a list of X: each refers to one table.
            name = re.findall(r"#/\$defs/(\w+)", json_text(table["properties"][part]))[0]
            table = schema["$defs"][name]
    return list(table["properties"])
