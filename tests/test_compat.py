from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

import metaadapter._compat
from metaadapter._compat import import_higher, import_learn2learn
from metaadapter.errors import MissingPackage

ROOT = Path(__file__).parents[1]


def imported_by(path):
    """First names of the modules that a file imports, by a statement or through a function."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Call) and "import" in ast.unparse(node.func):
            yield from (
                str(argument.value).split(".")[0]
                for argument in node.args
                if isinstance(argument, ast.Constant)
            )


def test_compat__what_imports_the_two_packages__is_this_module_and_the_one_that_it_names():
    importing = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for folder in ("metaadapter", "episodes", "tools", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        if {"learn2learn", "higher"} & set(imported_by(path))
    }

    assert importing == {"metaadapter._compat", "episodes.learn2learn_bridge"}
    assert "`episodes.learn2learn_bridge`" in metaadapter._compat.__doc__


@pytest.mark.slow
def test_learn2learn__imported__says_nothing():
    code = "from metaadapter._compat import import_learn2learn; import_learn2learn()"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.slow
def test_learn2learn_and_higher__one_inner_step__give_the_same_meta_gradient():
    learner = torch.nn.Linear(4, 3)
    inputs = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0, 1, 2])

    maml = import_learn2learn().algorithms.MAML(learner, lr=0.5)
    clone = maml.clone()
    clone.adapt(cross_entropy(clone(inputs), labels))
    (by_learn2learn,) = torch.autograd.grad(cross_entropy(clone(inputs), labels), learner.weight)
    inner = torch.optim.SGD(learner.parameters(), lr=0.5)
    with import_higher().innerloop_ctx(learner, inner) as (functional, optimizer):
        optimizer.step(cross_entropy(functional(inputs), labels))
        loss = cross_entropy(functional(inputs), labels)
        by_higher, _ = torch.autograd.grad(loss, functional.parameters(time=0))

    torch.testing.assert_close(by_learn2learn, by_higher)


@pytest.mark.parametrize(
    ("door", "name"), [(import_learn2learn, "learn2learn"), (import_higher, "higher")]
)
def test_compat__not_installed__says_how_to_install_it(door, name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingPackage, match=rf"(?s){name} is needed.*pip install .*{name}=="):
        door()
