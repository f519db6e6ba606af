from __future__ import annotations

import shutil

import pytest

from metaadapter.bench.evaluation.method_by_name import load_method
from metaadapter.bench.evaluation.run import evaluate
from metaadapter.errors import UsageError

MINE = """\
from dataclasses import dataclass

from metaadapter.adapter import AdapterWeights, Support
from helper import scaled
from torch.nn.functional import normalize

@dataclass
class Settings:
    weight: float = 1.0

def nearest_mean(support: Support) -> AdapterWeights:
    return support.head(normalize(scaled(support.means_TND, Settings().weight), dim=-1))

def broken(support):
    raise RuntimeError("no such thing")

def single(support):
    return nearest_mean(support).task(0)

def nothing(support):
    return None
"""


@pytest.fixture
def mine(write_method):
    return write_method(MINE, "def scaled(vectors, weight):\n    return weight * vectors\n")


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_own_method__that_is_a_peer__has_its_figures_in_processes_too(mine, pets, ask, tmp_path):
    name = f"{mine}:nearest_mean"
    config = ask(pets, methods=(name, "prototypes"))

    result = evaluate(config, tmp_path / "run", jobs=2)

    accuracy = result.means[result.means["metric"] == "accuracy"].set_index(["method", "n_shot"])
    assert accuracy["mean"][name, 2] == accuracy["mean"]["prototypes", 2]
    assert [box.status for box in result.boxes] == ["pass", *["unknown"] * 3, "pass"]
    for box in result.boxes[1:4]:
        assert box.methods == {name: "unknown", "prototypes": "pass"}


def test_own_method__in_a_folder_with_an_at_sign__is_found_and_known_by_its_code(mine, tmp_path):
    folder = tmp_path / "me@here"
    folder.mkdir()
    copies = [shutil.copy(file, folder) for file in (mine.with_name("helper.py"), mine)]

    result = load_method(f"{copies[1]}:nearest_mean")

    assert result.identity == load_method(f"{mine}:nearest_mean").identity


def test_own_method__identity__changes_with_its_file(mine):
    before = load_method(f"{mine}:nearest_mean").identity

    mine.write_text(MINE.replace("= 1.0", "= 2.0"))

    assert load_method(f"{mine}:nearest_mean").identity != before


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("broken", r"failed on 1 task\(s\) of 4 ways and 1 shots: RuntimeError: no such thing "
                   r"\(mine\.py, line 15\)"),
        ("single", r"classes of shape \(1, 4, 8\) .* got classes of shape \(4, 8\)"),
        ("nothing", "must return AdapterWeights .* got NoneType"),
        ("missing", "has no 'missing'"),
    ],
)  # fmt: skip
def test_own_method__that_does_not_work__is_told(function, message, mine, pets, ask, tmp_path):
    with pytest.raises(UsageError, match=message):
        evaluate(ask(pets, methods=(f"{mine}:{function}",)), tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot read .*mine.py"), ("import nowhere_at_all", "ModuleNotFoundError"),
     ("def f(:", "SyntaxError")],
)  # fmt: skip
def test_own_method__file_that_cannot_be_run__says_why(content, message, tmp_path):
    if content is not None:
        (tmp_path / "mine.py").write_text(content)

    with pytest.raises(UsageError, match=message):
        load_method(f"{tmp_path / 'mine.py'}:f")
