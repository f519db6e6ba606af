"""Standard JSON: NaN and infinity are neither read nor written."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from pydantic import ValidationError

# Half a character (a lone surrogate) has no UTF-8; DC80 to DCFF stand for undecodable bytes.
HALF = re.compile(r"[\ud800-\udc7f\udd00-\udfff]")


def parse_json(text: str | bytes) -> Any:
    r"""Parse JSON; NaN, huge numbers, half characters and deep nesting are a `ValueError`."""
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        is_escaped = (b"\\u" if isinstance(text, bytes) else "\\u") in text  # type: ignore[operator]
        if is_escaped and (half := HALF.search(json.dumps(value, ensure_ascii=False))):
            raise ValueError(f"{half[0]!r} is half a character")
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise ValueError(f"{error.msg} at {line}character {error.colno}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def json_text(value: Any, **form: Any) -> str:
    """Return a value as JSON; `form` has arguments of `json.dumps`. NaN is a `ValueError`."""
    return json.dumps(value, allow_nan=False, **form)


def wrong_values(error: ValidationError) -> str:
    """Return the places of values that are missing or wrong, and the reasons."""
    faults = ((".".join(map(str, fault["loc"])), fault["msg"]) for fault in error.errors())
    return ", ".join(f"{place}: {reason}" if place else reason for place, reason in faults)


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:20]} is not a number")
