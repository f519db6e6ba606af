"""Values out of the JSON that a store or an adapter keeps; what is wrong with them in words."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

__all__ = ["read_entries"]

Value = TypeVar("Value")


def read_entries(kind: type[Value], values: Any) -> Value:
    """Make a dataclass out of a JSON object; unknown keys are ignored.

    Raises:
        ValueError: Entries are missing or of the wrong kind; the message names them.
    """
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        wrong = (
            ".".join(map(str, item["loc"])) + " is "
            f"{'missing' if item['type'] == 'missing' else 'of the wrong kind'}"
            for item in error.errors()
        )
        raise ValueError(", ".join(wrong)) from None
