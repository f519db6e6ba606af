"""Which program text an answer depends on, as a few digits that change with it."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["code_identity", "modules_run_through"]

PROJECT = ("metaadapter", "episodes")


def code_identity(*objects: Any) -> str:
    """Twelve hexadecimal digits of the code that functions, classes or modules run through.

    Covered are their own modules and, from there on, every module of this project or beside an own
    file that they import; comments, docstrings and layout do not count. Other packages are not
    covered: their versions stand in an evaluation's summary.
    """
    found = modules_run_through(*objects)
    return _digest(_program(Path(file), _changed(file)) for file in found)


def modules_run_through(*objects: Any) -> list[str]:
    """The files that `code_identity` covers, sorted."""
    waiting = [_file_of(sys.modules[each.__module__]) for each in map(_with_module, objects)]
    seen: set[str] = set()
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting += _imported(file, _changed(file))
    return sorted(seen)


def _with_module(each: Any) -> Any:
    return _Named(each.__name__) if isinstance(each, ModuleType) else each


class _Named:
    """A module where an object that names its module is expected."""

    def __init__(self, name: str) -> None:
        self.__module__ = name


def _file_of(module: ModuleType) -> str:
    assert module.__file__ is not None
    return module.__file__


def _changed(file: str) -> int:
    """When a file was last changed: what was read of it before that is not used again."""
    return Path(file).stat().st_mtime_ns


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
    return digest.hexdigest()[:12]


@cache
def _program(file: Path, _changed: int) -> str:
    """The program of a file without comments, docstrings and layout."""
    tree = ast.parse(file.read_bytes())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Documentation of attributes is a bare string, too, wherever it stands.
            node.body = [each for each in body if not _is_documentation(each)]  # type: ignore[attr-defined]
    return f"{file.name} {ast.dump(tree)}"


def _is_documentation(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


@cache
def _imported(file: str, _changed: int) -> tuple[str, ...]:
    """Files of the project, or of the folder of a file outside it, that a file imports from."""
    tree = ast.parse(Path(file).read_bytes())
    found = dict.fromkeys(_files(tree, Path(file).parent))
    return tuple(found)


def _files(tree: ast.AST, folder: Path) -> Iterator[str]:
    for node in _run(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _file_of_name(alias.name, folder)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield from _file_of_member(node.module, alias.name, folder)


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only a type checker looks at."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        yield from _run(node)


def _file_of_member(module: str, name: str, folder: Path) -> Iterator[str]:
    """Where a name is defined, not where it is handed on from."""
    if module.partition(".")[0] not in PROJECT:
        yield from _file_of_name(module, folder)
        return
    if find_spec(f"{module}.{name}") if hasattr(import_module(module), "__path__") else None:
        yield from _file_of_name(f"{module}.{name}", folder)
        return
    home = getattr(getattr(import_module(module), name, None), "__module__", None)
    is_ours = isinstance(home, str) and home.partition(".")[0] in PROJECT
    yield from _file_of_name(home if is_ours and home else module, folder)


def _file_of_name(name: str, folder: Path) -> Iterator[str]:
    if name.partition(".")[0] in PROJECT:
        yield _file_of(import_module(name))
        return
    place = folder.joinpath(*name.split("."))
    beside = (place.with_suffix(".py"), place / "__init__.py")
    yield from (str(path) for path in beside if path.is_file())
