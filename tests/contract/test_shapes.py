"""The shapes written in signatures are checked while the tests run with CHECK_SHAPES."""

from __future__ import annotations

import pytest
import torch
from beartype import beartype
from jaxtyping import Float, TypeCheckError
from torch import Tensor

from metaadapter.adapter.weights import AdapterWeights, apply_adapter
from tests.shape_checks import check_shapes

checked = pytest.mark.skipif(
    "not config.getoption('jaxtyping_packages')", reason="needs CHECK_SHAPES=yes"
)
RowIfAny = Float[Tensor, " n"] | None


@checked
@pytest.mark.parametrize(
    "features",
    [torch.ones(3), torch.ones(2, 3, dtype=torch.int64)],
    ids=["an axis too few", "whole numbers"],
)
def test_shapes__other_features__are_refused(features):
    weights = AdapterWeights.zero_shot(torch.eye(3), logit_scale=100.0)
    with pytest.raises(TypeCheckError, match=r"(?s)apply_adapter.*parameter 'features'"):
        apply_adapter(features, weights)


@checked
def test_shapes__fields_that_disagree__are_refused():
    with pytest.raises(TypeCheckError, match=r"AdapterWeights"):
        AdapterWeights(
            classes=torch.eye(3), class_bias=torch.zeros(4), logit_scale=torch.tensor(100.0)
        )


@pytest.mark.parametrize("kind", [staticmethod, classmethod, property])
def test_shapes__of_a_method__are_checked(kind):
    def row(*_owner: object) -> Float[Tensor, " n"]:
        return torch.eye(3)

    owner = type("Owner", (), {"row": check_shapes(kind(row), typechecker=beartype)})()

    with pytest.raises(TypeCheckError, match="return value"):
        owner.row if kind is property else owner.row()


def test_shapes__in_a_name_for_a_union__are_checked():
    def row() -> RowIfAny:
        return torch.eye(3)

    with pytest.raises(TypeCheckError, match="return value"):
        check_shapes(row, typechecker=beartype)()
