"""Options that exclude or need one another, as their annotations say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import signature
from typing import Any, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from metaadapter.errors import UsageError


@dataclass(frozen=True, slots=True)
class Excludes:
    """Marks a parameter, in its annotation, as meaningless together with the named ones."""

    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """Marks a parameter, in its annotation, as meaningless without the named one."""

    other: str


def shown_name(hint: object, name: str) -> str:
    """Return how a user calls a parameter with this annotation: the metavar, or the long option."""
    facts = getattr(hint, "__metadata__", ())
    info = next((fact for fact in facts if isinstance(fact, OptionInfo | ArgumentInfo)), None)
    if isinstance(info, ArgumentInfo):
        return str(info.metavar or name.upper()).strip("[].…")
    # typer keeps the first name of an option in the place of its default.
    names = () if info is None else (info.default, *(info.param_decls or ()))
    long = [text for text in names if isinstance(text, str) and text.startswith("--")]
    return long[0].partition("/")[0] if long else f"--{name.replace('_', '-')}"


def require_consistent(command: Callable[..., object], values: Mapping[str, Any]) -> None:
    """Raise a `UsageError` if given parameters of a command exclude or need one another."""
    hints = get_type_hints(command, include_extras=True)
    parameters = signature(command).parameters
    given = {
        shown_name(hint, name): hint
        for name, hint in hints.items()
        if name in values
        and values[name] not in (None, False, [], ())
        and values[name] != parameters[name].default
    }
    for option, hint in given.items():
        for fact in getattr(hint, "__metadata__", ()):
            if isinstance(fact, Needs) and fact.other not in given:
                raise UsageError(f"{option} needs {fact.other}; add it, or leave {option} out")
            if isinstance(fact, Excludes) and (wrong := [o for o in fact.others if o in given]):
                raise UsageError(f"{option} excludes {' and '.join(wrong)}; leave one of them out")
