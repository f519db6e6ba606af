"""One support → one adapter, by a forward pass; and one class more, later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float32
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, KnownHead
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.pretrained import shared_generator

SAME = 0.9999
"""The cosine of a row with itself after it was rounded to half precision is larger."""


def generator_that_predicted(
    name: str | Path | AdapterGenerator, identity: str
) -> AdapterGenerator:
    """The generator of that name, which is the one that predicted an adapter.

    Raises:
        IncompatibleArtifact: It is another one by now.
    """
    generator, found = shared_generator(name)
    if found != identity:
        known = "custom" if isinstance(name, AdapterGenerator) else str(name)
        raise IncompatibleArtifact(
            f"the adapter was predicted by generator {identity}, and {known!r} is now {found}; "
            "load it with generator=… the one that predicted it, or fit again"
        )
    return generator


def predict_adapter(generator: AdapterGenerator, support: Support) -> AdapterWeights:
    """The adapter of the one task of a support, without a task axis, float64 on the CPU.

    Raises:
        DataError: It cannot be computed, for the generator's weights are out of all bounds.
    """
    try:
        batch = generator.predict(support.to(device=generator.device).exact)
    except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
        raise _out_of_bounds(str(error)) from error
    adapter = batch.task(0).to(device="cpu", dtype=torch.float64)
    if not all(tensor.isfinite().all() for tensor in adapter.tensors().values()):
        raise _out_of_bounds("a weight of the adapter would be NaN or infinite")
    return adapter


def without_copies(
    pool: Float32[Tensor, "u D"], rows: Float32[Tensor, "n D"]
) -> Float32[Tensor, "kept D"]:
    """The unit rows of a pool that are none of these, but for the rounding of a saved pool."""
    if not len(rows) or not len(pool):
        return pool
    return pool[(pool @ rows.to(pool).T).amax(-1) < SAME]


def append_class(
    generator: AdapterGenerator,
    weights: AdapterWeights,
    support: Support,
    position: int,
    rows: Float32[Tensor, "n D"],
    text: Float32[Tensor, " D"],
) -> tuple[AdapterWeights, Support]:
    """Insert a class at `position`; the vectors and biases of the others stay as they are.

    An adapter of all classes is predicted, and the new class is as far above the mean of the others
    as it is there: softmax sees only such differences. Both adapters are fitted to the same
    targets, so vectors are taken over at the old temperature. But an adapter from names alone has
    the encoder's temperature, which measures no targets: there, differences of logits are kept.
    What tells known pictures is taken from that adapter. The adapter has no task axis; the
    generator predicted it from the one task of the support. What is new are unit rows, of pictures
    and of a text, which is zeros where there is none.
    """
    old_rows, old_labels = support.labelled_rows()
    larger = Support.of_rows(
        torch.cat([old_rows, rows]),
        torch.cat([old_labels + (old_labels >= position), torch.full((len(rows),), position)]),
        _insert(support.text_TND[0], text, position),
        blocks=support.blocks,
    )
    larger = replace(larger, logit_scale_T=support.logit_scale_T)
    if support.pool_TUD is not None:
        # Who labels some of the unlabelled pictures has them among both.
        larger = larger.with_pool(without_copies(support.pool_TUD[0], rows))
    predicted = predict_adapter(generator, larger)
    to_scale = weights.logit_scale / predicted.logit_scale
    unit = to_scale.new_ones(()) if len(old_rows) else 1 / to_scale
    own_bias = unit * to_scale * _above_others(predicted.class_bias, position)
    own_vector = unit * _above_others(predicted.classes, position)
    grown = replace(
        weights,
        classes=_insert(weights.classes, weights.classes.mean(0) + own_vector, position),
        class_bias=_insert(weights.class_bias, weights.class_bias.mean(0) + own_bias, position),
        **_grown_cache(weights, predicted, position, unit),
        **{name: getattr(predicted, name) for name in KnownHead._fields},
    )
    return grown, larger


def _out_of_bounds(reason: str) -> DataError:
    return DataError(
        f"the generator predicts no adapter that can be computed ({reason}): its weights or "
        "constants are out of all bounds; use another generator"
    )


def _above_others(rows: Tensor, position: int) -> Tensor:
    """The row of a class less the mean of the other rows."""
    return rows[position] - (rows.sum(0) - rows[position]) / (len(rows) - 1)


def _grown_cache(
    weights: AdapterWeights, predicted: AdapterWeights, position: int, unit: Tensor
) -> dict[str, Tensor]:
    """The cache of the larger adapter: its old entries, then those of the new prediction.

    An old entry gives the new class the mean of what it gives the others. A new entry gives a value
    to the new class alone.
    """
    if predicted.cache is None:
        return {}
    new_keys, new_values, _, new_beta = predicted.cache
    nothing = new_keys[:0], new_values[:0, 1:], weights.logit_scale, new_beta[:0]
    keys, values, alpha, beta = weights.cache or nothing
    to_new_class = torch.zeros_like(new_values)
    to_new_class[:, position] = unit * _above_others(new_values.mT, position)
    return {
        "keys": torch.cat([keys, new_keys]),
        "values": torch.cat([_insert(values.mT, values.mean(1), position).mT, to_new_class]),
        "alpha": alpha,
        "beta": torch.cat([beta, new_beta]),
    }


def _insert(rows: Tensor, row: Tensor, position: int) -> Tensor:
    return torch.cat([rows[:position], row[None], rows[position:]])
