"""Code of one's own: a function or a class in a Python file, named FILE.py:NAME."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import traceback
from pathlib import Path
from typing import Any

from metaadapter.data.regular_files import regular
from metaadapter.errors import UsageError

PACKAGE = Path(__file__).parents[1]


def is_user_code(name: str) -> bool:
    """Whether a name is FILE.py:NAME or FILE.py:NAME@FOLDER."""
    return bool(user_code_and_folder(name)[0])


def user_code_and_folder(name: str) -> tuple[str, str]:
    """FILE.py:NAME and FOLDER of FILE.py:NAME@FOLDER; "" for what a name lacks."""
    match = re.fullmatch(r"(.+\.py:\w+)(?:@(.+))?", name)
    return (match[1], match[2] or "") if match else ("", "")


def load_user_code(name: str, *, kind: str) -> Any:
    """The function or class that FILE.py:NAME names.

    Modules are looked for in its folder too, but last: a file of the user's that is called copy.py
    must not take the place of Python's. The file is run because the user named it; no file on a
    disk makes code run by itself. A `UsageError`, with what `kind` of code it is, tells that there
    is no such file or name, or that it cannot be run.
    """
    file, _, attribute = name.rpartition(":")
    path = Path(file)
    try:
        content = regular(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"{kind} {name!r}: cannot read {file}: {error.strerror or error}"
        ) from error
    module = _run(path, hashlib.sha256(content).hexdigest()[:12], f"{kind} {name!r}")
    if not hasattr(module, attribute):
        raise UsageError(
            f"{kind} {name!r}: {file} has no {attribute!r}; write the name of a function or class "
            "that it defines after the colon"
        )
    return getattr(module, attribute)


def explain(error: BaseException) -> str:
    """What went wrong in code that is not this package's, and in which line of it."""
    places = traceback.extract_tb(error.__traceback__)
    theirs = [each for each in places if not Path(each.filename).is_relative_to(PACKAGE)]
    where = f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""
    return f"{type(error).__name__}: {error}{where}"


def _run(path: Path, digest: str, what: str) -> Any:
    # By content, so that two files of one name stand side by side, and a changed one is run again.
    title = f"own_code_{digest}"
    spec = importlib.util.spec_from_file_location(title, path.resolve())
    assert spec is not None
    assert spec.loader is not None
    if title in sys.modules and getattr(sys.modules[title], "__file__", None) == spec.origin:
        return sys.modules[title]
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module  # where dataclasses and pickled functions look for it
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script may end with sys.exit
        del sys.modules[title]
        raise UsageError(f"{what} cannot be loaded: {explain(error)}") from error
    return module
