"""User code: a function or a class in a Python file, named FILE.py:NAME."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from pathlib import Path
from typing import Any

from metaadapter.errors import UsageError
from metaadapter.files.checksums import content_hash
from metaadapter.files.regular_files import regular

PACKAGE = Path(__file__).parents[1]


def is_user_code(name: str) -> bool:
    """Return whether a name is FILE.py:NAME or FILE.py:NAME@FOLDER."""
    return bool(user_code_and_folder(name)[0])


def user_code_and_folder(name: str) -> tuple[str, str]:
    """Split FILE.py:NAME@FOLDER into FILE.py:NAME and FOLDER; "" for a missing part."""
    match = re.fullmatch(r"(.+\.py:\w+)(?:@(.+))?", name)
    return (match[1], match[2] or "") if match else ("", "")


def load_user_code(name: str, *, kind: str) -> Any:
    """Load the function or class FILE.py:NAME; messages name its `kind`, such as "encoder".

    The file is run, because the user has named it. Its folder is searched for modules as well,
    but last: a user's copy.py must not replace Python's.
    """
    file, _, attribute = name.rpartition(":")
    path = Path(file)
    try:
        content = regular(path).read_bytes()
    except OSError as error:
        raise UsageError(
            f"{kind} {name!r}: cannot read {file}: {error.strerror or error}"
        ) from error
    module = _run(path, content_hash(content)[:12], f"{kind} {name!r}")
    if not hasattr(module, attribute):
        raise UsageError(
            f"{kind} {name!r}: {file} has no {attribute!r}; write after the colon the name of a "
            "function or class that the file defines"
        )
    return getattr(module, attribute)


def explain(error: BaseException) -> str:
    """Describe an error of code outside this package, with its file and line."""
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not Path(frame.filename).is_relative_to(PACKAGE)]
    where = f" ({Path(outside[-1].filename).name}, line {outside[-1].lineno})" if outside else ""
    return f"{type(error).__name__}: {error}{where}"


def _run(path: Path, digest: str, owner: str) -> Any:
    # The title is a hash: two files may have the same name, and a changed file is run again.
    title = f"user_code_{digest}"
    file = path.resolve()
    spec = importlib.util.spec_from_file_location(title, file)
    assert spec is not None
    assert spec.loader is not None
    if getattr(sys.modules.get(title), "__file__", None) == spec.origin:
        return sys.modules[title]
    module = importlib.util.module_from_spec(spec)
    sys.modules[title] = module  # where dataclasses and pickled functions look for it
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a script may end with sys.exit
        del sys.modules[title]
        raise UsageError(f"{owner} cannot be loaded: {explain(error)}") from error
    return module
