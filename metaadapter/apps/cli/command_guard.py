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
from typing import Any, NamedTuple, TypeAlias, TypeVar, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from metaadapter.errors import DataError, UsageError
from metaadapter.files.output_folder import is_stream
from metaadapter.files.regular_files import given_path
from metaadapter.files.url import Url, as_place

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


Fact = TypeVar("Fact")


class ExportPlace(NamedTuple):
    """The format of a file for another program, and its place."""

    format: str
    path: Path


class Parameter(NamedTuple):
    """A parameter of a command that the user gives, and what its annotation says."""

    name: str
    shown: str
    """How a user calls it: the metavar of an argument, or the long option."""
    facts: tuple[object, ...]
    value: Any
    paths: Sequence[Path]
    """The paths in the value; a text in which typer's `Path` has taken a slash is a `Url` again."""

    def fact(self, kind: type[Fact]) -> Fact | None:
        """Return the fact of this kind in the annotation."""
        return next((fact for fact in self.facts if isinstance(fact, kind)), None)


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
        paths = [as_place(item) for item in items if isinstance(item, Path)]
        given.append(Parameter(name, shown, facts, value, paths))
    return given


def _require_consistent(given: Sequence[Parameter]) -> None:
    """Raise a `UsageError` if given parameters of a command exclude or need one another."""
    names = {parameter.shown for parameter in given}
    for parameter in given:
        shown, needs, excludes = parameter.shown, parameter.fact(Needs), parameter.fact(Excludes)
        if needs is not None and needs.other not in names:
            raise UsageError(f"{shown} needs {needs.other}; add it, or leave {shown} out")
        if excludes is not None and (wrong := [one for one in excludes.others if one in names]):
            raise UsageError(f"{shown} excludes {' and '.join(wrong)}; leave one of them out")


def _urls(given: Sequence[Parameter]) -> dict[str, Any]:
    """Return the values with URLs; one that is an output, or no source of pictures, is refused."""
    restored: dict[str, Any] = {}
    for parameter in given:
        url = next((path for path in parameter.paths if isinstance(path, Url)), None)
        if url is None:
            continue
        if parameter.fact(MayBeUrl) is None:
            instead = (
                "write to a drive, and copy the whole result there"
                if parameter.fact(Output)
                else "only `encode`, `predict` and `adapt` read pictures from such a place, so "
                "copy it to a drive"
            )
            raise UsageError(f"{parameter.shown} {url} is no place on a drive; {instead}")
        is_list = isinstance(parameter.value, list)
        restored[parameter.name] = [*parameter.paths] if is_list else url
    return restored


def _require_harmless_outputs(given: Sequence[Parameter]) -> None:
    """Raise an error if an output of a command would destroy a file.

    Raises:
        UsageError: An output is also an input or another output, or it lies in another output.
        DataError: An output is a link, a device, or a file that no such command has written.
    """
    inputs: dict[Identity, str] = {}
    outputs: list[tuple[str, Path, Output]] = []
    for parameter in given:
        output = parameter.fact(Output)
        for path in parameter.paths:
            if isinstance(path, Url):
                continue
            if output is None:
                inputs[_identity(path)] = f"{parameter.shown} {path}"
            elif not is_stream(path):
                outputs.append((parameter.shown, path, output))
    owners: dict[Identity, str] = {}
    for name, path, output in outputs:
        place = f"{name} {path}"
        for written in map(_identity, _written(path)):
            if (read := inputs.get(written)) is not None:
                raise UsageError(
                    f"{place} would replace the input {read}; choose another place for the output"
                )
            if owners.setdefault(written, place) is not place:
                raise _clash(owners[written], place)
        if not path.name.lower().endswith(output.ending):
            raise UsageError(
                f"{place} should have a name that ends in {' or '.join(output.ending)}"
            )
        if output.content is not None and path.name.lower().endswith(output.endings):
            require_replaceable(name, path, output.content)
    for name, path, _ in outputs:
        for folder in path.absolute().parents:
            if (outer := owners.get(_identity(folder))) is not None:
                raise _clash(outer, f"{name} {path}")


def _clash(one: str, other: str) -> UsageError:
    return UsageError(
        f"{one} and {other} would overwrite one another; choose another place for one of them"
    )


def require_replaceable(name: str, path: Path, content: bytes) -> None:
    """Raise an error if the output `name` would replace a file without the pattern `content`."""
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


def _written(path: Path) -> list[Path]:
    return [path.with_name(f"{path.name}{end}") for end in BESIDE] if path.name else [path]


def _identity(path: Path) -> Identity:
    """Return what two paths to one file share; new files also if they differ only in case."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return unicodedata.normalize("NFC", os.path.realpath(path)).casefold()
    return status.st_dev, status.st_ino
