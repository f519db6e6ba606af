"""The generator that ships: inner products of a support in, combinations of it out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from torch import Tensor

from metaadapter.adapter import AdapterWeights, Support
from metaadapter.errors import UsageError
from metaadapter.generator.base import AdapterGenerator
from metaadapter.generator.canonical import canonicalise
from metaadapter.generator.emit import emit
from metaadapter.generator.leave_one_out import leave_one_out
from metaadapter.generator.network import Heads, SetEncoder
from metaadapter.generator.regression import ClosedForm, regression
from metaadapter.generator.relations import Relations, relate

__all__ = ["Generator", "GeneratorConfig"]


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """The shape of a generator's network, the same for every feature width, and its constants."""

    width: int = 128
    n_layers: int = 3
    n_heads: int = 4
    bottleneck: int = 8
    closed_form: ClosedForm = field(default_factory=ClosedForm)


@final
class Generator(AdapterGenerator):
    """Reads inner products of a support set and emits combinations of it.

    An untrained generator predicts its closed form, kernel ridge towards the text: every
    learned output starts at zero and corrects a constant of the formula or adds to its result. One
    set of weights serves every encoder and width, rotating all features changes nothing, and
    permuting classes or shots permutes or keeps the adapter.
    """

    takes_float64 = True

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        self.config = config or GeneratorConfig()
        self.encoder = SetEncoder(self.config.width, self.config.n_layers, self.config.n_heads)
        self.heads = Heads(self.config.width, self.config.bottleneck)

    def forward(self, support: Support) -> AdapterWeights:
        """Adapters of T tasks; a task without a picture gets zero-shot CLIP.

        Raises:
            UsageError: A task has no picture, and the encoder's temperature is not known.
        """
        logit_scale_T, canonical = _scale_T(support), canonicalise(support)
        problem = regression(canonical, self.config.closed_form)
        left_out = leave_one_out(problem)
        dtype, mask_TN = self.heads.task.weight.dtype, support.class_mask_TN
        relations = Relations(*(each.to(dtype) for each in relate(canonical, left_out)))
        tokens_TNH, edges_TNNE = self.encoder(relations, mask_TN)
        corrections = self.heads(tokens_TNH, edges_TNNE, relations, mask_TN)
        return emit(problem, corrections, left_out.scale_T, logit_scale_T)


def _scale_T(support: Support) -> Tensor:
    """The encoder's inverse temperature; 1 where it is not known and no task needs it."""
    if support.logit_scale_T is not None:
        return support.logit_scale_T
    if not support.present_TNK.any(dim=-1).any(dim=-1).all():
        raise UsageError(
            "a task without a single picture is classified by its texts alone, which needs the "
            "encoder's temperature: pass logit_scale (FrozenEncoder.logit_scale)"
        )
    return support.text_TND.new_ones(support.n_tasks)
