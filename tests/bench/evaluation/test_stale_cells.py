"""A method whose code or constants change has its cells measured again, and no others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import episodes
import metaadapter
from metaadapter.bench.evaluation.cells import CELLS_FILE, KIND, PURPOSE
from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.run import evaluate
from metaadapter.files.code_identity import _of_project
from metaadapter.files.db import Database
from metaadapter.generator.adapter_generator import save_generator
from metaadapter.generator.generator import Generator, GeneratorConfig
from metaadapter.generator.ridge.closed_form import ClosedForm

PACKAGES = [Path(package.__file__).parent for package in (metaadapter, episodes)]
OWN = """\
import helper

def mine(support):
    return support.head(helper.scaled(support.means_TND))
"""


@pytest.fixture
def own(write_method):
    return write_method(OWN, "def scaled(vectors):\n    return 2.0 * vectors\n")


@pytest.fixture
def edit(monkeypatch):
    """Has a file read with one more statement in it, or a comment."""
    read = Path.read_bytes

    def change(file, more=b"\nCHANGED = 1\n"):
        assert file.is_file()
        monkeypatch.setattr(
            Path, "read_bytes", lambda self: read(self) + (more if self == file else b"")
        )
        _of_project.cache_clear()

    yield change
    monkeypatch.undo()
    _of_project.cache_clear()


@pytest.mark.parametrize("name", ["ridge", "text_trust", "most_rows"])
def test_identity__of_a_generator__changes_with_each_constant(name, tmp_path):
    constants = ClosedForm()
    value = getattr(constants, name)
    changed = replace(constants, **{name: type(value)(value / 2)})
    identities = set()
    for number, closed_form in enumerate((constants, changed)):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            generator = Generator(GeneratorConfig(closed_form=closed_form))
        save_generator(generator, tmp_path / str(number))
        identities.add(load_method(str(tmp_path / str(number))).identity)

    assert len(identities) == 2


@pytest.fixture
def measured(pets, ask, own, tmp_path):
    """An evaluation that has ended, to be given again; how many methods' cells it measured."""
    methods = ("closed-form", "GDA", "zero-shot", "finetune@1", f"{own}:mine")
    config = ask(pets, methods=methods, shots=(1,), seeds=2)
    evaluate(config, tmp_path / "run")

    def again():
        def records():
            with Database(tmp_path / "run" / CELLS_FILE, PURPOSE, writes=False) as database:
                return [record.value["cell"] for record in database.records(KIND)]

        notes, n_before = [], len(records())
        result = evaluate(config, tmp_path / "run", note=notes.append)
        cells = records()[n_before:]
        assert len(cells) == result.n_measured
        of_changes = [note for note in notes if "are kept" not in note]
        return sorted({cell[0] for cell in cells}), len(cells), of_changes

    return again


def test_evaluate__code_changed__measures_all_methods_again_once(measured, edit):
    assert measured() == ([], 0, [])
    edit(PACKAGES[0].parent / "metaadapter" / "generator" / "ridge" / "regression.py")

    methods, n_cells, notes = measured()

    assert (len(methods), n_cells) == (5, 10)
    assert "10 cells are measured again" in notes[0]
    assert measured() == ([], 0, [])
