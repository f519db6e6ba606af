"""Which program text an answer depends on, as a few digits that change with it."""

from __future__ import annotations

import ast
import hashlib
import inspect
import marshal
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from pkgutil import resolve_name
from types import CodeType, ModuleType
from typing import Any

PROJECT = ("metaadapter", "episodes")


def code_identity(*code: Any) -> str:
    """Twelve hexadecimal digits that change with the code that functions and classes run through.

    That is all files of `modules_run_through`, without their comments, docstrings and layout; and
    what was compiled of a class that stands in no file, for it was typed into a notebook. `code`
    are functions and classes, or the paths of Python files.
    """
    files = modules_run_through(*code)
    # Sorted by what they say: where they lie on this machine must not tell.
    programs = sorted(f"{file.name} {_program(file.read_bytes())}" for file in files)
    programs += [_compiled(each) for each in code if not isinstance(each, Path)]
    return hashlib.sha256("\n".join(programs).encode()).hexdigest()[:12]


def modules_run_through(*code: Any) -> list[Path]:
    """The files that functions, classes or files run through, sorted.

    They are the files that the code stands in and, from there on, each file that these import from,
    as far as it belongs to this project or lies beside a file of one's own, also in packages there.
    Other packages are left out, and so is what only a type checker imports.
    """
    files = [each.absolute() if isinstance(each, Path) else _file(each.__module__) for each in code]
    waiting = [(file, file.parent) for file in files if file]
    found: set[Path] = set()
    while waiting:
        file, root = waiting.pop()
        if file not in found:
            found.add(file)
            imported = _imported(file.read_bytes(), file.parent, root)
            waiting += [(each, root) for each in imported]
    return sorted(found)


# By content: a file that was edited is read as a new one.
@lru_cache(maxsize=512)
def _program(source: bytes) -> str:
    """The program of a file without comments, docstrings and layout."""
    return ast.dump(_WithoutStrings().visit(ast.parse(source)))


class _WithoutStrings(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        # The documentation of an attribute is a bare string, too, wherever it stands.
        is_string = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_string else node


@lru_cache(maxsize=512)
def _imported(source: bytes, folder: Path, root: Path) -> tuple[Path, ...]:
    """The files of the project, or below `root`, that a file in `folder` imports from."""
    files: list[Path] = []
    for level, name, member in _imports(ast.parse(source)):
        if not level and name.partition(".")[0] in PROJECT:
            file = _file(_defining_module(name, member))
            files += [file] if file else []
            continue
        place = [folder, *folder.parents][:level][-1] if level else root
        # A package runs before what is in it.
        for part in (*filter(None, name.split(".")), member):
            place = place / part
            both = place.with_suffix(".py"), place / "__init__.py"
            files += [file for file in both if part and file.is_file()]
    return tuple(files)


def _imports(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """The leading dots, the module, and what is imported from it: "" for the module itself."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        if isinstance(node, ast.Import):
            yield from ((0, alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.level, node.module or "", alias.name) for alias in node.names)
        yield from _imports(node)


def _defining_module(module: str, member: str) -> str:
    """The module that defines what is imported, which may only be handed on by the one named."""
    value = resolve_name(f"{module}.{member}") if member else import_module(module)
    if isinstance(value, ModuleType):
        return value.__name__
    # A constant does not know its module: then it is the one named, with all that it imports.
    is_code = inspect.isclass(value) or inspect.isroutine(value)
    home = value.__module__ if is_code else module
    return home if home.partition(".")[0] in PROJECT else module


def _file(module: str) -> Path | None:
    """The file of a module; `None` for what is typed into a notebook or a prompt."""
    file = getattr(import_module(module), "__file__", None)
    return Path(file) if file and Path(file).is_file() else None


def _compiled(code: Any) -> str:
    """The functions and plain values of a class and its bases that stand in no file; else ""."""
    typed_in = [kind for kind in getattr(code, "__mro__", [code]) if not _file(kind.__module__)]
    values = [item for kind in typed_in if kind is not object for item in vars(kind).items()]
    found = [(name, getattr(value, "__code__", value)) for name, value in values]
    plain = (bool, int, float, str, CodeType)
    kept = [(name, value) for name, value in found if isinstance(value, plain)]
    # Later formats than 2 tell how often a value is referred to, which is no part of the program.
    return " ".join(f"{name} {marshal.dumps(value, 2)!r}" for name, value in kept)
