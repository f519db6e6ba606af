"""A hash of the program text that a result depends on."""

from __future__ import annotations

import marshal
from functools import cache
from importlib import import_module
from modulefinder import ModuleFinder
from pathlib import Path
from types import CodeType
from typing import Any

from metaadapter.files.checksums import content_hash

PROJECT = Path(__file__).parents[2]
PACKAGES = ("metaadapter", "episodes")


def code_identity(*code: Any) -> str:
    """Return a hash (12 hexadecimal digits) of the text of functions, classes and files.

    The code of this project counts as a whole. A user's file counts with the modules of its folder
    that it imports; a class that was typed into a notebook counts by its methods and constants.
    """
    texts = set[str]()
    for item in code:
        file = item.absolute() if isinstance(item, Path) else _file(item.__module__)
        if file is None:
            texts.add(_compiled(item))
        elif any(file.is_relative_to(PROJECT / name) for name in PACKAGES):
            texts.add(_of_project())
        else:
            # By content: the paths on this machine must not count.
            texts |= {content_hash(module.read_bytes()) for module in _modules(file)}
    return content_hash(" ".join(sorted(texts)))[:12]


@cache
def _of_project() -> str:
    files = sorted(file for name in PACKAGES for file in (PROJECT / name).rglob("*.py"))
    return content_hash(*(file.read_bytes() for file in files))


def _modules(file: Path) -> list[Path]:
    """Return a file, and the modules of its folder that it imports, directly or not."""
    finder = ModuleFinder(path=[str(file.parent)])
    finder.run_script(str(file))
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return [Path(name) for name in files if name]


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
