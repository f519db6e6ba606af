"""A hash of all program text that a result depends on."""

from __future__ import annotations

import ast
import inspect
import marshal
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from types import CodeType, ModuleType
from typing import Any

from metaadapter.data.checksums import content_hash

PROJECT = ("metaadapter", "episodes")


def code_identity(*code: Any) -> str:
    """Return a hash (12 hexadecimal digits) of all code that functions, classes and files run."""
    files = modules_run_through(*code)
    # Sorted by content: the paths on this machine must not count.
    programs = sorted(f"{file.name} {_program(file.read_bytes())}" for file in files)
    # Classes that were typed into a notebook are in no file.
    programs += [_compiled(item) for item in code if not isinstance(item, Path)]
    return content_hash("\n".join(programs))[:12]


def modules_run_through(*code: Any) -> list[Path]:
    """Return the files of the code, and those imported from this project or the user's folder."""
    files = [item.absolute() if isinstance(item, Path) else _file(item.__module__) for item in code]
    waiting = [(file, file.parent) for file in files if file]
    visited: set[Path] = set()
    while waiting:
        file, root = waiting.pop()
        if file not in visited:
            visited.add(file)
            imported = _imported(file.read_bytes(), file.parent, root)
            waiting += [(other, root) for other in imported]
    return sorted(visited)


# Cached by content, so an edited file is read again.
@lru_cache(maxsize=512)
def _program(source: bytes) -> str:
    return ast.dump(_WithoutStrings().visit(ast.parse(source)))


class _WithoutStrings(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        # The docstring of an attribute is a bare string as well.
        is_string = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_string else node


@lru_cache(maxsize=512)
def _imported(source: bytes, folder: Path, root: Path) -> tuple[Path, ...]:
    files: list[Path] = []
    for level, name, member in _imports(ast.parse(source)):
        if not level and name.partition(".")[0] in PROJECT:
            file = _file(_defining_module(name, member))
            files += [file] if file else []
            continue
        path = [folder, *folder.parents][:level][-1] if level else root
        # A package runs before its modules.
        for part in (*filter(None, name.split(".")), member):
            path = path / part
            both = path.with_suffix(".py"), path / "__init__.py"
            files += [file for file in both if part and file.is_file()]
    return tuple(files)


def _imports(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """Yield the number of leading dots, the module, and the imported name or "" for the module."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, node.module or "", alias.name) for alias in node.names)
        yield from _imports(node)


def _defining_module(module: str, member: str) -> str:
    """Return the module that defines an imported name, which `module` may only re-export."""
    value = resolve_name(f"{module}.{member}") if member else import_module(module)
    if isinstance(value, ModuleType):
        return value.__name__
    # A constant does not know its module, so the named module counts.
    is_code = inspect.isclass(value) or inspect.isroutine(value)
    home = value.__module__ if is_code else module
    return home if home.partition(".")[0] in PROJECT else module


def _file(module: str) -> Path | None:
    file = getattr(import_module(module), "__file__", None)
    return Path(file) if file and Path(file).is_file() else None


def _compiled(code: Any) -> str:
    typed_in = [kind for kind in getattr(code, "__mro__", [code]) if not _file(kind.__module__)]
    values = [item for kind in typed_in if kind is not object for item in vars(kind).items()]
    members = [(name, getattr(value, "__code__", value)) for name, value in values]
    plain = (bool, int, float, str, CodeType)
    kept = [(name, value) for name, value in members if isinstance(value, plain)]
    # Formats above 2 count references to a value, which are no part of the program.
    return " ".join(f"{name} {marshal.dumps(value, 2)!r}" for name, value in kept)
