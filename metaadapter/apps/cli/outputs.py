"""The guard of all commands: options agree; an output replaces no input, output or foreign file."""

from __future__ import annotations

import mmap
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, get_type_hints

import typer
from typer.models import ArgumentInfo, OptionInfo

from metaadapter.apps.cli.exclusions import require_consistent, shown_name
from metaadapter.data.given_values import given_path
from metaadapter.data.output_file import is_stream
from metaadapter.data.url import Url, as_place
from metaadapter.errors import DataError, UsageError

# The endings of the names of files that a writer makes next to an output.
OF_PARTIAL = (".partial", ".partial.tmp", ".partial.lock", ".partial.journal")
BESIDE = ("", ".tmp", *OF_PARTIAL, ".shard.json")
# Pages that metaadapter writes begin like this.
PAGE = rb'\A.{0,2000}<meta name="generator" content="metaadapter">'

OF_PROGRAM = "Every command also takes --json, --quiet and --debug."

Identity: TypeAlias = tuple[int, int] | str


@dataclass(frozen=True, slots=True)
class Output:
    """Marks a parameter, in its annotation, as the place of an output.

    `content` is a pattern in the content of earlier outputs, which may be replaced. Without it the
    output is a folder or an adapter, and the command itself checks what it replaces. With
    `endings`, the pattern holds only for names that end so. With `ending`, the name has to end in
    one of these.
    """

    content: bytes | None = None
    endings: tuple[str, ...] = ("",)
    ending: tuple[str, ...] = ("",)


class Place(NamedTuple):
    """A path that the user gives, and the parameter that names it."""

    parameter: str
    path: Path


@dataclass(frozen=True, slots=True)
class MayBeUrl:
    """Marks a parameter, in its annotation, as pictures that may lie in a bucket."""


class Commands(typer.Typer):
    """Commands that pass the guard before they run."""

    def command(self, *args: Any, **options: Any) -> Callable[..., Any]:
        """Register a command whose outputs are checked."""
        options.setdefault("epilog", OF_PROGRAM)
        register = super().command(*args, **options)
        return lambda command: register(_guarded(command))


def _guarded(command: Callable[..., object]) -> Callable[..., object]:
    for hint in get_type_hints(command, include_extras=True).values():
        for fact in getattr(hint, "__metadata__", ()):
            if isinstance(fact, OptionInfo | ArgumentInfo) and "Path" in str(hint):
                fact.parser = given_path

    @wraps(command)
    def run(**values: Any) -> object:
        require_consistent(command, values)
        values = with_urls(command, values)
        require_harmless_outputs(command, values)
        return command(**values)

    return run


def with_urls(command: Callable[..., object], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a command with its URLs, of which typer's `Path` takes a slash away.

    Raises:
        UsageError: A URL names an output, or an input that is no source of pictures.
    """
    restored = dict(values)
    for name, hint in get_type_hints(command, include_extras=True).items():
        facts = getattr(hint, "__metadata__", ())
        places = [
            place._replace(path=as_place(place.path)) for place in _places(hint, name, values)
        ]
        urls = [place for place in places if isinstance(place.path, Url)]
        if urls and not any(isinstance(fact, MayBeUrl) for fact in facts):
            is_output = any(isinstance(fact, Output) for fact in facts)
            raise UsageError(
                f"{urls[0].parameter} {urls[0].path} is no place on a drive; "
                + (
                    "write to a drive, and copy the whole result there"
                    if is_output
                    else "only `encode`, `predict` and `adapt` read pictures from such a place, so "
                    "copy it to a drive"
                )
            )
        if urls:
            paths = [place.path for place in places]
            restored[name] = paths if isinstance(values[name], list) else paths[0]
    return restored


def require_harmless_outputs(command: Callable[..., object], values: Mapping[str, Any]) -> None:
    """Raise an error if an output of a command would destroy a file.

    Raises:
        UsageError: An output is also an input or another output, or it lies in another output.
        DataError: An output is a link, a device, or a file that no such command has written.
    """
    inputs: dict[Identity, Place] = {}
    outputs: list[tuple[Place, Output]] = []
    for name, hint in get_type_hints(command, include_extras=True).items():
        facts = getattr(hint, "__metadata__", ())
        output = next((fact for fact in facts if isinstance(fact, Output)), None)
        for place in _places(hint, name, values):
            if isinstance(place.path, Url):
                continue
            if output is None:
                inputs[_identity(place.path)] = place
            elif not is_stream(place.path):
                outputs.append((place, output))
    for place, output in outputs:
        _require_no_input(place, inputs)
        if not place.path.name.lower().endswith(output.ending):
            raise UsageError(
                f"{place.parameter} {place.path} should have a name that ends in "
                + " or ".join(output.ending)
            )
        if output.content is not None and place.path.name.lower().endswith(output.endings):
            require_replaceable(place, output.content)
    _require_apart([place for place, _ in outputs])


def _require_no_input(output: Place, inputs: Mapping[Identity, Place]) -> None:
    for written in _written(output.path):
        if (place := inputs.get(_identity(written))) is not None:
            raise UsageError(
                f"{output.parameter} {output.path} would replace the input {place.parameter} "
                f"{place.path}; choose another place for the output"
            )


def _require_apart(outputs: Iterable[Place]) -> None:
    owners: dict[Identity, Place] = {}
    for output in outputs:
        for written in _written(output.path):
            other = owners.setdefault(_identity(written), output)
            if other is not output:
                raise UsageError(_clash(other, output))
    for output in outputs:
        for folder in output.path.absolute().parents:
            if (outer := owners.get(_identity(folder))) is not None:
                raise UsageError(_clash(outer, output))


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


def _clash(one: Place, other: Place) -> str:
    return (
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


def _places(hint: object, name: str, values: Mapping[str, Any]) -> list[Place]:
    """Return the paths that a parameter of this annotation and name has."""
    value, parameter = values.get(name), shown_name(hint, name)
    items = value if isinstance(value, list) else [value]
    paths = (getattr(item, "path", item) for item in items)
    return [Place(parameter, path) for path in paths if isinstance(path, Path)]
