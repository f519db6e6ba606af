from __future__ import annotations

import pytest

from metaadapter.bench.evaluation.methods.method_by_name import load_method
from metaadapter.bench.run import evaluate
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

def by_query(support):
    means = normalize(support.means_TND, dim=-1)
    return lambda query: support.logit_scale_T[:, None, None] * (query @ means.mT)

def forgets_a_class(support):
    return lambda query: by_query(support)(query)[..., 1:]

def fails_later(support):
    return lambda query: broken(support)
"""


@pytest.fixture
def mine(write_method):
    return write_method(MINE, "def scaled(vectors, weight):\n    return weight * vectors\n")


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
        ("forgets_a_class", r"logits of the shape \(1, 36, 4\) .* got the shape \(1, 36, 3\)"),
        ("fails_later", "RuntimeError: no such thing"),
    ],
)  # fmt: skip
def test_own_method__that_does_not_work__is_told(function, message, mine, pets, ask, tmp_path):
    with pytest.raises(UsageError, match=message):
        evaluate(ask(pets, methods=(f"{mine}:{function}",)), tmp_path / "run")


def test_own_method__function_of_queries__is_measured_as_adapters_are(mine, pets, ask, tmp_path):
    methods = f"{mine}:nearest_mean", f"{mine}:by_query"

    rows = evaluate(ask(pets, methods=methods), tmp_path / "run").rows

    adapters, functions = (rows[rows["method"] == name] for name in methods)
    assert functions["accuracy"].tolist() == adapters["accuracy"].tolist()
