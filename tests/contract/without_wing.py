"""Takes away one wing after the other, imports all other modules, and adapts and predicts.

Prints a JSON document: wing → the modules that do not import, and the labels of the predictions.
Arguments: a folder of labelled pictures, a folder of pictures, an encoder, a folder for output, and
the wings.
"""

import contextlib
import io
import json
import os
import pkgutil
import sys
from importlib import import_module
from pathlib import Path

# Loaded once, before the processes divide.
for library in ("torch", "open_clip", "pandas", "pyarrow", "sklearn", "fastapi", "matplotlib"):
    import_module(library)


class Removed:
    """A finder of modules that finds no module of a wing."""

    def __init__(self, wing):
        self.wing = wing

    def find_spec(self, name, *_):
        if f"{name}.".startswith(f"{self.wing}."):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def missing(package, wing):
    """Yield the names of the modules below a package that do not import."""
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name in (wing, "metaadapter.__main__"):
            continue
        try:
            imported = import_module(module.name)
        except ModuleNotFoundError as error:
            if not f"{error.name}.".startswith(f"{wing}."):
                raise
            yield module.name
            continue
        if module.ispkg:
            yield from missing(imported, wing)


def without(wing, support, pictures, encoder, out):
    sys.meta_path.insert(0, Removed(wing))
    lost = [*missing(import_module("metaadapter"), wing)]
    main = import_module("metaadapter.apps.cli.app").main
    printed = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["adapt", support, "--out", out, "--encoder", encoder, "--json"]) == 0
    with contextlib.redirect_stdout(printed):
        assert main(["predict", out, pictures, "--encoder", encoder, "--json"]) == 0
    predictions = json.loads(printed.getvalue())["predictions"]
    return {"lost": lost, "labels": [row["label"] for row in predictions]}


support, pictures, encoder, folder, *wings = sys.argv[1:]
for wing in wings:
    child = os.fork()
    if not child:
        out = Path(folder, wing)
        answer = without(wing, support, pictures, encoder, str(out))
        Path(folder, f"{wing}.json").write_text(json.dumps(answer))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, wing
