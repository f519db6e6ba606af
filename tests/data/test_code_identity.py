from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

import metaadapter
from metaadapter.adapter.support import Support
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.peers.meta_trained import META_PEERS
from metaadapter.data.code_identity import code_identity, modules_run_through
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.generator import Generator
from metaadapter.generator.pretrained import generator_id, load_generator
from metaadapter.workflow.choose_n_steps import fine_tune
from metaadapter.workflow.estimator import MetaAdapterClassifier

ROOT = Path(metaadapter.__file__).parents[1]
PARTS = {"CLAP": PEERS["CLAP"], "MAML": META_PEERS["MAML"].fit, "generator": Generator}
PARTS["fine-tuning"] = fine_tune

OWN = '''\
"""A method of one's own."""

import json
from os import path
from typing import TYPE_CHECKING

from metaadapter.adapter.divergence import symmetric_divergence

import helper

if TYPE_CHECKING:
    import drawn


def method(support):
    """Say what the texts say."""
    # As they are.
    import later

    return helper.scaled(support.zero_shot(), later.FACTOR)
'''


@pytest.fixture
def own(tmp_path):
    """A file of one's own with helpers beside it, one of which only a type checker reads."""
    for name, text in {
        "own": OWN,
        "helper": "from parts import inner\nFACTOR = 1\n",
        "later": "FACTOR = 1\n",
        "drawn": "FACTOR = 1\n",
        "parts/__init__": "",
        "parts/inner": "from .sibling import FACTOR\nimport top\n",
        "parts/sibling": "from . import cousin\nfrom parts.deep.nested import FACTOR\n",
        "parts/cousin": "",
        "parts/deep/__init__": "",
        "parts/deep/nested": "from ..uncle import FACTOR\n",
        "parts/uncle": "FACTOR = 1\n",
        "top": "",
    }.items():
        (tmp_path / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path / "own.py"


def names(files):
    """The names of the files of the project, such as metaadapter/errors.py."""
    ours = (ROOT / "metaadapter", ROOT / "episodes")
    return {
        str(file.relative_to(ROOT))
        for file in files
        if any(file.is_relative_to(folder) for folder in ours)
    }


@pytest.mark.parametrize("part", PARTS)
def test_code_identity__line_changed_in_any_module_run_through__changes(part, monkeypatch):
    before = code_identity(PARTS[part])
    read_bytes = Path.read_bytes

    for file in modules_run_through(PARTS[part]):
        edited = read_bytes(file) + b"\nEDITED = True\n"
        with monkeypatch.context() as patch:
            patch.setattr(
                Path, "read_bytes", lambda f, of=file, new=edited: new if f == of else read_bytes(f)
            )
            assert code_identity(PARTS[part]) != before, file
    assert code_identity(PARTS[part]) == before


def test_modules_run_through__peer__are_its_own_and_those_that_it_calls():
    assert names(modules_run_through(PEERS["prototypes"])) >= {
        "metaadapter/bench/peers/prototypes.py",
        "metaadapter/adapter/support.py",
        "metaadapter/adapter/weights.py",
    }
    clap = names(modules_run_through(PEERS["CLAP"]))
    assert clap >= {
        "metaadapter/bench/peers/zs_lp.py",
        "metaadapter/bench/peers/descent.py",
    }
    assert not clap & {"metaadapter/bench/peers/gda.py", "metaadapter/bench/peers/__init__.py"}
    assert not any(name.startswith("metaadapter/generator/") for name in clap)


def test_modules_run_through__generator__are_all_that_a_prediction_calls():
    """The interpreter reports the files while the generator predicts."""
    generator, support = load_generator(), Support.of_tasks(torch.eye(4)[None, :, None])
    files = set()

    sys.setprofile(lambda frame, *_: files.add(frame.f_code.co_filename))
    try:
        generator.predict(support)
    finally:
        sys.setprofile(None)

    called = names(map(Path, files))
    assert called >= {"metaadapter/adapter/support.py", "metaadapter/generator/network.py"}
    assert called <= names(modules_run_through(Generator))


PARTS_BESIDE = ["__init__", "inner", "sibling", "cousin", "uncle", "deep/__init__", "deep/nested"]
BESIDE = ["own", "helper", "later", "top", *(f"parts/{name}" for name in PARTS_BESIDE)]


@pytest.mark.parametrize("name", BESIDE)
def test_code_identity__own_file_or_a_helper_changed__changes(own, name):
    before = code_identity(own)

    with (own.parent / f"{name}.py").open("a") as file:
        file.write("CHANGED = True\n")

    assert code_identity(own) != before


def test_modules_run_through__own_file__are_its_helpers_and_the_project_alone(own):
    files = modules_run_through(own)

    beside = {str(f.relative_to(own.parent)) for f in files if f.is_relative_to(own.parent)}
    assert beside == {f"{name}.py" for name in BESIDE}
    assert "metaadapter/adapter/divergence.py" in names(files)
    assert all(f.is_relative_to(own.parent) or f.is_relative_to(ROOT) for f in files)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Say what the texts say."""', '"""Say what they say."""'),
        ("    # As they are.\n", ""),
        ("import helper\n", "import helper\n\n\n"),
    ],
)
def test_code_identity__docstring_comment_or_layout_changed__stays(own, old, new):
    before = code_identity(own)

    assert old in OWN
    own.write_text(OWN.replace(old, new))

    assert code_identity(own) == before


def test_code_identity__files_elsewhere_and_so_in_another_order__stays(own, monkeypatch):
    before, files = code_identity(own), modules_run_through(own)

    monkeypatch.setattr(
        "metaadapter.data.code_identity.modules_run_through", lambda *_: files[::-1]
    )

    assert code_identity(own) == before


TYPED_IN = """\
class Mine(AdapterGenerator):
    factor = 20.0

    def forward(self, support):
        return support.head(support.text_TND, logit_scale=self.factor + 1)
"""


@pytest.fixture
def typed_in(monkeypatch):
    """Gives a class as a notebook has it: its module is in no file."""
    module = ModuleType("notebook")
    module.AdapterGenerator = AdapterGenerator
    monkeypatch.setitem(sys.modules, "notebook", module)

    def new(text):
        exec(compile(text, "<ipython-input-1>", "exec"), vars(module))
        return module.Mine

    return new


def test_code_identity__class_typed_in__changes_with_its_functions_and_values(typed_in):
    before = code_identity(typed_in(TYPED_IN))

    assert code_identity(typed_in(TYPED_IN)) == before
    for old, new in (("text_TND", "means_TND"), ("+ 1", "+ 2"), ("20.0", "21.0")):
        assert code_identity(typed_in(TYPED_IN.replace(old, new))) != before
    child = TYPED_IN + "class Child(Mine): ...\nMine, Parent = Child, Mine\n"
    assert code_identity(typed_in(child)) != code_identity(typed_in(child.replace("+ 1", "+ 2")))


def test_code_identity__class_typed_in__classifies(typed_in):
    generator = typed_in(TYPED_IN)()
    classifier = MetaAdapterClassifier({"a": [1.0, 0.0], "b": [0.0, 1.0]}, generator=generator)

    classifier.fit([[1.0, 0.1], [0.1, 1.0]], ["a", "b"])

    assert classifier.generator_id_ == generator_id(generator)
