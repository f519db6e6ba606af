from __future__ import annotations

import pytest

from metaadapter.errors import UsageError
from metaadapter.evaluation import evaluate
from metaadapter.evaluation.methods import load_method

MINE = """\
from dataclasses import dataclass

from metaadapter.adapter import AdapterWeights
from metaadapter.baselines import Support
from torch.nn.functional import normalize

@dataclass
class Settings:
    weight: float = 1.0

def nearest_mean(support: Support, logit_scale: float) -> AdapterWeights:
    weight = Settings().weight
    return support.head(normalize(weight * support.means_TND, dim=-1), logit_scale)

def broken(support, logit_scale):
    raise RuntimeError("no such thing")

def single(support, logit_scale):
    return nearest_mean(support, logit_scale).task(0)

def nothing(support, logit_scale):
    return None
"""


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


@pytest.mark.timeout(60)
def test_own_method__that_is_a_peer__has_the_peers_figures_also_in_processes(
    mine, pets, ask, tmp_path
):
    name = f"{mine}:nearest_mean"
    config = ask(pets, methods=(name, "prototypes"))

    found = evaluate(config, tmp_path / "run", jobs=2)

    accuracy = {
        (each.method, each.n_shot): each.estimate
        for each in found.means
        if each.metric == "accuracy"
    }
    assert accuracy[name, 2] == accuracy["prototypes", 2]
    assert [box.status for box in found.boxes] == [*("pass", "pass"), *["unknown"] * 3]


def test_own_method__identity__changes_with_its_file(mine):
    before = load_method(f"{mine}:nearest_mean").identity

    mine.write_text(MINE.replace("= 1.0", "= 2.0"))

    assert load_method(f"{mine}:nearest_mean").identity != before


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("broken", r"failed on 1 task\(s\) of 4 ways and 1 shots: RuntimeError: no such thing "
                   r"\(mine\.py, line 16\)"),
        ("single", r"classes of shape \(1, 4, 8\) .* got classes of shape \(4, 8\)"),
        ("nothing", "must return AdapterWeights .* got NoneType"),
        ("missing", "there is no function 'missing' in"),
    ],
)  # fmt: skip
def test_own_method__that_does_not_work__is_told_as_its_own_fault(
    function, message, mine, pets, ask, tmp_path
):
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
