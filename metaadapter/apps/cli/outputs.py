"""The guard of all commands: options agree; an output replaces no input, output or foreign file.

The annotation of a parameter has the facts that the guard checks: `Output`, `MayBeUrl`, `Excludes`
and `Needs`.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from metaadapter.data.output_folder import is_stream
from metaadapter.data.regular_files import given_path
from metaadapter.data.url import Url, as_place
from metaadapter.errors import DataError, UsageError

# The endings of the names of files that a writer makes next to an output.
BESIDE = ("", ".tmp", ".db", ".db-journal", ".db.tmp")
# Pages that metaadapter writes begin like this.
PAGE = rb'\A.{0,2000}<meta name="generator" content="metaadapter">'

OF_PROGRAM = "Every command also takes --json, --quiet and --debug."

Identity: TypeAlias = tuple[int, int] | str


@dataclass(frozen=True, slots=True)
class Output:
    """Marks a parameter as the place of an output.

    `content` is a pattern in the content of earlier outputs, which may be replaced. Without it the
    output is a folder or an adapter, and the command itself checks what it replaces. With
    `endings`, the pattern holds only for names that end so. With `ending`, the name has to end in
    one of these.
    """

    content: bytes | None = None
    endings: tuple[str, ...] = ("",)
    ending: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class MayBeUrl:
    """Marks a parameter as pictures that may lie in a bucket."""


@dataclass(frozen=True, slots=True)
class Excludes:
    """Marks a parameter as meaningless together with the named ones."""

    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """Marks a parameter as meaningless without the named one."""

    other: str


class Place(NamedTuple):
    """A path that the user gives, and the parameter that names it."""

    parameter: str
    path: Path


class Parameter(NamedTuple):
    """A parameter of a command that the user gives, and what its annotation says."""

    name: str
    shown: str
    """How a user calls it: the metavar of an argument, or the long option."""
    facts: tuple[object, ...]
    value: Any
    places: Sequence[Place]
    """The paths in the value; a text in which typer's `Path` has taken a slash is a `Url` again."""

    @property
    def output(self) -> Output | None:
        """Where it names an output, what may be replaced there."""
        return next((fact for fact in self.facts if isinstance(fact, Output)), None)


class Commands(typer.Typer):
    """Commands that pass the guard before they run."""

    def command(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """Register a command whose outputs are checked."""
        options.setdefault("epilog", OF_PROGRAM)
        register = super().command(*args, **options)
        return lambda command: register(_guarded(command))


def _guarded(command: Callable[..., object]) -> Callable[..., object]:
    hints = get_type_hints(command, include_extras=True)
    for hint in hints.values():
        for fact in getattr(hint, "__metadata__", ()):
            if isinstance(fact, OptionInfo | ArgumentInfo) and "Path" in str(hint):
                fact.parser = given_path

    @wraps(command)
    def run(**values: Any) -> object:
        given = _given(command, hints, values)
        _require_consistent(given)
        values |= _urls(given)
        _require_harmless_outputs(given)
        return command(**values)

    return run


def _given(
    command: Callable[..., object], hints: Mapping[str, Any], values: Mapping[str, Any]
) -> list[Parameter]:
    """Return the parameters that have another value than by default."""
    given = []
    for name, parameter in signature(command).parameters.items():
        value = values.get(name)
        if value in (None, False, [], ()) or value == parameter.default:
            continue
        facts = getattr(hints[name], "__metadata__", ())
        info = next((fact for fact in facts if isinstance(fact, OptionInfo | ArgumentInfo)), None)
        if isinstance(info, ArgumentInfo):
            shown = str(info.metavar or name.upper()).strip("[].…")
        else:  # typer keeps the first name of an option in the place of its default
            names = () if info is None else (info.default, *(info.param_decls or ()))
            long = [text for text in names if isinstance(text, str) and text.startswith("--")]
            shown = long[0].partition("/")[0] if long else f"--{name.replace('_', '-')}"
        items = (
            getattr(item, "path", item) for item in (value if isinstance(value, list) else [value])
        )
        places = [Place(shown, as_place(item)) for item in items if isinstance(item, Path)]
        given.append(Parameter(name, shown, facts, value, places))
    return given


def _require_consistent(given: Sequence[Parameter]) -> None:
    """Raise a `UsageError` if given parameters of a command exclude or need one another."""
    names = {parameter.shown for parameter in given}
    for parameter in given:
        for fact in parameter.facts:
            if isinstance(fact, Needs) and fact.other not in names:
                raise UsageError(
                    f"{parameter.shown} needs {fact.other}; add it, or leave {parameter.shown} out"
                )
            if isinstance(fact, Excludes) and (wrong := [o for o in fact.others if o in names]):
                raise UsageError(
                    f"{parameter.shown} excludes {' and '.join(wrong)}; leave one of them out"
                )


def _urls(given: Sequence[Parameter]) -> dict[str, Any]:
    """Return the values with URLs; one that is an output, or no source of pictures, is refused."""
    restored: dict[str, Any] = {}
    for parameter in given:
        urls = [place for place in parameter.places if isinstance(place.path, Url)]
        if urls and not any(isinstance(fact, MayBeUrl) for fact in parameter.facts):
            instead = (
                "write to a drive, and copy the whole result there"
                if parameter.output
                else "only `encode`, `predict` and `adapt` read pictures from such a place, so "
                "copy it to a drive"
            )
            raise UsageError(
                f"{urls[0].parameter} {urls[0].path} is no place on a drive; {instead}"
            )
        if urls:
            paths = [place.path for place in parameter.places]
            restored[parameter.name] = paths if isinstance(parameter.value, list) else paths[0]
    return restored


def _require_harmless_outputs(given: Sequence[Parameter]) -> None:
    """Raise an error if an output of a command would destroy a file.

    Raises:
        UsageError: An output is also an input or another output, or it lies in another output.
        DataError: An output is a link, a device, or a file that no such command has written.
    """
    inputs: dict[Identity, Place] = {}
    outputs: list[tuple[Place, Output]] = []
    for parameter in given:
        output = parameter.output
        for place in parameter.places:
            if isinstance(place.path, Url):
                continue
            if output is None:
                inputs[_identity(place.path)] = place
            elif not is_stream(place.path):
                outputs.append((place, output))
    owners: dict[Identity, Place] = {}
    for place, output in outputs:
        for written in map(_identity, _written(place.path)):
            if (read := inputs.get(written)) is not None:
                raise UsageError(
                    f"{place.parameter} {place.path} would replace the input {read.parameter} "
                    f"{read.path}; choose another place for the output"
                )
            if (other := owners.setdefault(written, place)) is not place:
                raise _clash(other, place)
        if not place.path.name.lower().endswith(output.ending):
            raise UsageError(
                f"{place.parameter} {place.path} should have a name that ends in "
                + " or ".join(output.ending)
            )
        if output.content is not None and place.path.name.lower().endswith(output.endings):
            require_replaceable(place, output.content)
    for place, _ in outputs:
        for folder in place.path.absolute().parents:
            if (outer := owners.get(_identity(folder))) is not None:
                raise _clash(outer, place)


def require_replaceable(output: Place, content: bytes) -> None:
    """Raise an error if a new file would replace one without the pattern `content`."""
    name, path = output
    if path.parent.is_file():
        raise DataError(f"{path.parent} is a file, not a folder; choose another {name}")
    if path.is_dir():
        raise UsageError(f"{name} {path} is a folder; give the name of a file")
    if path.is_symlink():
        raise DataError(
            f"{name} {path} is a link to {os.path.realpath(path)}; name that file itself, or "
            "remove the link"
        )
    for written in _written(path):
        try:
            status = written.lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode):
            raise DataError(
                f"{written} is no ordinary file, so {name} cannot replace it; choose another "
                f"{name}, or remove it first"
            )
        if status.st_size and not _has(written, re.compile(content, re.DOTALL)):
            raise DataError(
                f"{written} is not a file that {name} has written, and would be overwritten; "
                f"choose another {name}, or remove that file first"
            )


def _has(file: Path, content: re.Pattern[bytes]) -> bool:
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
    ):
        return content.search(mapped) is not None


def _clash(one: Place, other: Place) -> UsageError:
    return UsageError(
        f"{one.parameter} {one.path} and {other.parameter} {other.path} would overwrite one "
        "another; choose another place for one of them"
    )


def _written(path: Path) -> list[Path]:
    return [path.with_name(f"{path.name}{end}") for end in BESIDE] if path.name else [path]


def _identity(path: Path) -> Identity:
    """Return what two paths to one file share; new files also if they differ only in case."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()
    return status.st_dev, status.st_ino
