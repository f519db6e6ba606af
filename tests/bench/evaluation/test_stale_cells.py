"""The identity of a method has all that its answers depend on; a change is of its cells alone."""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

import episodes
import metaadapter
from metaadapter.adapter.support import Support
from metaadapter.bench.evaluation import method_by_name
from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.sequences.sequence_bench import evaluate_continual
from metaadapter.data.code_identity import modules_run_through
from metaadapter.generator.closed_form import ClosedForm
from metaadapter.generator.generator import Generator, GeneratorConfig
from metaadapter.generator.pretrained import save_generator
from metaadapter.workflow.choose_n_steps import fine_tune

PACKAGES = [Path(package.__file__).parent for package in (metaadapter, episodes)]
CODE = {
    "closed-form": (Generator,),
    "default": (Generator,),
    "finetune": (fine_tune, Generator),
    "GDA": (PEERS["GDA"],),
    "CLAP": (PEERS["CLAP"],),
}
# The first names a method and hands the support on; the second notices what files it opens.
FACES = {
    PACKAGES[0] / "bench" / "evaluation" / "method_by_name.py",
    PACKAGES[0] / "data" / "opened_files.py",
}
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

    return change


def code_of(name, own):
    return CODE.get(name, (own, Support))


@pytest.fixture
def _weights_read_once(monkeypatch):
    """The code of methods changes here, and never the weights that they start from."""
    for name in ("load_generator", "generator_id"):
        monkeypatch.setattr(method_by_name, name, functools.cache(getattr(method_by_name, name)))


@pytest.mark.usefixtures("_weights_read_once")
@pytest.mark.parametrize("name", [*CODE, "own"])
def test_identity__of_a_method__changes_with_each_module_that_it_runs_through(name, own, edit):
    full_name = f"{own}:mine" if name == "own" else name
    before = load_method(full_name).identity
    files = modules_run_through(*code_of(name, own))

    for file in files:
        edit(file)
        assert load_method(full_name).identity != before, file
        edit(file, b"\n# a comment\n")
        assert load_method(full_name).identity == before, file

    assert len(files) > 1


@pytest.mark.parametrize("name", [*CODE, "own"])
def test_modules_run_through__cover_every_file_that_an_answer_executes(name, own):
    draw = torch.Generator().manual_seed(0)
    support = Support.of_tasks(
        normalize(torch.randn(1, 3, 4, 8, generator=draw), dim=-1),
        normalize(torch.randn(1, 3, 8, generator=draw), dim=-1),
        logit_scale=20.0,
    )
    method = load_method(f"{own}:mine" if name == "own" else name)
    executed = set()

    sys.setprofile(lambda frame, *_: executed.add(frame.f_code.co_filename))
    try:
        method.fit(support)
    finally:
        sys.setprofile(None)

    ours = {
        Path(file)
        for file in executed
        if any(Path(file).is_relative_to(folder) for folder in (*PACKAGES, own.parent))
    }
    covered = set(modules_run_through(*code_of(name, own)))
    assert ours - FACES <= covered
    assert len(ours) > 1


@pytest.mark.parametrize("name", [field.name for field in fields(ClosedForm)])
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
        journal, notes = tmp_path / "run" / "journal.jsonl", []
        n_lines = len(journal.read_text().splitlines())
        result = evaluate(config, tmp_path / "run", note=notes.append)
        new = journal.read_text().splitlines()[n_lines:]
        cells = [json.loads(line)["cell"] for line in new]
        assert len(cells) == result.n_measured
        return sorted({cell[0] for cell in cells}), len(cells), notes

    return again


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("metaadapter/bench/peers/gda.py", ["GDA"]),
        ("metaadapter/workflow/choose_n_steps.py", ["finetune@1"]),
        ("metaadapter/generator/regression.py", ["closed-form", "finetune@1"]),
        ("metaadapter/bench/peers/zs_lp.py", []),
    ],
)
def test_evaluate__module_changed__measures_its_methods_again(measured, edit, file, changed):
    assert measured() == ([], 0, [])
    edit(PACKAGES[0].parent / file)

    methods, n_cells, notes = measured()

    assert methods == changed
    assert n_cells == 2 * len(changed)
    if changed:
        have = "method has" if len(changed) == 1 else "methods have"
        assert notes == [
            f"{len(changed)} {have} changed ({', '.join(changed)}): {n_cells} cells are measured "
            "again"
        ]
    assert measured() == ([], 0, [])


@pytest.mark.parametrize("name", ["mine.py", "helper.py"])
def test_evaluate__file_of_ones_own_changed__measures_its_cells_again(measured, own, name):
    file = own.with_name(name)
    file.write_text(file.read_text().replace("2.0", "3.0").replace("means", "start"))

    methods, n_cells, _ = measured()

    assert (methods, n_cells) == ([f"{own}:mine"], 2)


READS = """\
from functools import cache
import numpy as np

def read():
    return float(np.load("weight.npy"))
{more}
def mine(support):
    return support.head({weight} * support.means_TND)
"""


@pytest.mark.parametrize(
    ("more", "weight"),
    [
        ("", "read()"),
        ("read = cache(read)\n", "read()"),
        ("WEIGHT = read()\n", "WEIGHT"),
    ],
    ids=["in each task", "once", "when it is loaded"],
)
def test_evaluate__file_that_ones_own_method_reads_changed__measures_its_cells_again(
    pets, ask, write_method, tmp_path, monkeypatch, more, weight
):
    monkeypatch.chdir(tmp_path)
    np.save("weight.npy", 1.0)
    own = write_method(READS.format(more=more, weight=weight), "")
    config, notes = ask(pets, methods=("GDA", "mine.py:mine"), shots=(1, 2), seeds=2), []
    assert own.parent == Path.cwd()

    def again():
        return evaluate(config, tmp_path / "run", note=notes.append)

    first, second = again(), again()
    np.save("weight.npy", -1.0)
    third, fourth = again(), again()

    assert [one.n_measured for one in (first, second, third, fourth)] == [8, 0, 4, 0]
    assert notes == [
        "1 method has changed (mine.py:mine, reads weight.npy): 4 cells are measured again"
    ]
    means = [one.means.set_index(["method", "metric"])["mean"] for one in (first, third)]
    assert (means[0]["GDA", "accuracy"] == means[1]["GDA", "accuracy"]).all()
    assert (means[0]["mine.py:mine", "accuracy"] > means[1]["mine.py:mine", "accuracy"]).all()


def test_evaluate__file_that_ones_own_learner_reads_changed__measures_its_cells_again(
    pets, ask, write_method, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    np.save("weight.npy", 1.0)
    write_method(READS.format(more="", weight="read()"), "")
    methods = ("nearest mean", "library@mine.py:mine")
    config = ask(pets, methods=methods, shots=(1,), seeds=1, continual="pooled", splits=2)

    measured = [evaluate_continual(config, tmp_path / "run").n_measured]
    np.save("weight.npy", 2.0)
    measured += [evaluate_continual(config, tmp_path / "run").n_measured for _ in range(2)]

    assert measured == [2, 1, 0]
    assert evaluate_continual(config, tmp_path / "run", audit=2).boxes[-1].status == "pass"


@pytest.mark.parametrize(
    "file",
    [
        "metaadapter/bench/evaluation/metrics.py",
        "metaadapter/bench/evaluation/draws.py",
        "metaadapter/adapter/weights.py",
        "episodes/evaluation_draws.py",
    ],
)
def test_evaluate__program_that_measures_changed__measures_everything_again(measured, edit, file):
    edit(PACKAGES[0].parent / file)

    methods, n_cells, notes = measured()

    assert (len(methods), n_cells) == (5, 10)
    assert "the program that draws, fits, answers and scores has changed: 10 cells" in notes[0]
