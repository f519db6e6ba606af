"""Each layer promises at most thirty names in `__init__.pyi`; the reference has them."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import pytest

from tools import reference_pages

ROOT = Path(__file__).parents[2]
STUBS = sorted((ROOT / "metaadapter").rglob("__init__.pyi"))


def package_of(stub):
    return ".".join(stub.parent.relative_to(ROOT).parts)


def promised(stub):
    """The names of a stub by the modules that define them."""
    imports = [
        node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)
    ]
    return {
        alias.name: f"{package_of(stub)}.{node.module}" for node in imports for alias in node.names
    }


@pytest.mark.parametrize("stub", STUBS, ids=package_of)
def test_layer__promises__at_most_thirty_names_that_are_there(stub):
    names = promised(stub)
    package = importlib.import_module(package_of(stub))

    assert len(names) <= 30
    assert sorted(package.__all__) == sorted(names)
    for name, home in names.items():
        assert getattr(package, name) is getattr(importlib.import_module(home), name)


def test_reference__lists_exactly_the_promised_names():
    layers = [stub for stub in STUBS if package_of(stub) != "metaadapter"]
    names = [f"{package_of(stub)}.{name}" for stub in layers for name in promised(stub)]

    listed = re.findall(r"^::: ([\w.]+)$", reference_pages.public_names(), re.MULTILINE)

    assert sorted(listed) == sorted([*names, "metaadapter.errors"])


@pytest.mark.parametrize("package", ["metaadapter", "episodes"])
def test_modules__list_no_names__and_import_from_the_module_that_defines(package):
    facades = {package_of(stub): promised(stub) for stub in STUBS}
    wrong = []

    for file in (ROOT / package).rglob("*.py"):
        if file.name == "__init__.py":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                wrong.append(f"{file}: __all__")
            elif isinstance(node, ast.ImportFrom) and node.module in facades:
                through = {alias.name for alias in node.names} & {*facades[node.module]}
                wrong += [f"{file}: {name} from {node.module}" for name in through]

    assert wrong == []
