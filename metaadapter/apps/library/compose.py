"""Merge adapters of one encoder into one adapter for all their classes, without the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.task_signature import TaskSignature
from metaadapter.adapter.unit_rows import SAME
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.workflow.estimator_inputs import require_one_kind
from metaadapter.workflow.fit_adapter import fit_support


def compose(parts: Mapping[str, StoredAdapter]) -> StoredAdapter:
    """Predict one adapter for all classes of several adapters, given as name → adapter.

    The default generator predicts it from the supports of all parts, whichever generator predicted
    the parts. If a part has no support, `rows_of_signature` replaces its pictures, and the new
    adapter has no support either. Classes with the same label become one class. Unlabelled pictures
    and gradient steps of the parts are not used.
    """
    if len(parts) < 2:
        raise UsageError(
            f"merging needs at least two different adapters, got {', '.join(parts) or 'none'}"
        )
    first_name, first = next(iter(parts.items()))
    for name, part in parts.items():
        _require_alike(first_name, first.config, name, part.config)
    labels = [label for part in parts.values() for label in part.config.classes]
    require_one_kind(labels)
    classes = sorted(set(labels))
    rows, numbers = list[Tensor](), list[Tensor]()
    texts = torch.zeros(len(classes), first.config.width)
    names: dict[Any, Any] = {}
    for part in parts.values():
        number_of = torch.tensor([classes.index(label) for label in part.config.classes])
        part_rows, part_numbers, part_texts = _rows(part)
        part_numbers = number_of[part_numbers]
        is_new = ~_are_copies(part_rows, part_numbers, rows, numbers)
        rows.append(part_rows[is_new])
        numbers.append(part_numbers[is_new])
        has_new_text = part_texts.any(-1) & ~texts[number_of].any(-1)
        texts[number_of[has_new_text]] = part_texts[has_new_text]
        names = {**part.config.texts, **names}
    support = Support.of_rows(
        torch.cat(rows),
        torch.cat(numbers),
        texts,
        logit_scale=first.config.logit_scale,
        blocks=first.config.blocks,
    )
    empty = ~(support.present_TNK[0].any(-1) | texts.any(-1))
    if empty.any():
        label = classes[int(empty.nonzero()[0, 0])]
        raise UsageError(
            f"the class {label!r} has neither features nor a signature; merge adapters without "
            "this class, or adapt it again from its pictures"
        )
    hashes = {sha256 for part in parts.values() for sha256 in part.picture_hashes}
    merged = fit_support(
        support,
        classes,
        names=names,
        logit_scale=first.config.logit_scale,
        origin=first.config.origin,
        picture_hashes=sorted(hashes),
    )
    if all(part.support is not None for part in parts.values()):
        return merged
    signature = TaskSignature.of(support)
    return replace(merged, support=None, picture_hashes=(), signature=signature)


def rows_of_signature(signature: TaskSignature) -> tuple[Float[Tensor, "n D"], Int[Tensor, " n"]]:
    """Draw unit rows, and their classes, with nearly the class means and scatter of a task.

    A class gets one row for each of its pictures: its mean m, moved along the directions of the
    scatter by random amounts, which have the variances of the scatter and sum to zero. Pictures are
    unit rows, so their mean squared distance from m is 1 − |m|²; the moved rows have that distance
    too. The same signature gives the same rows.

    docs/explanation/libraries.md has the measurements.
    """
    counts = signature.counts.long()
    labels = torch.arange(len(counts)).repeat_interleave(counts)
    draw = torch.Generator().manual_seed(0)
    amounts = torch.randn(len(labels), len(signature.variances), generator=draw)
    amounts = amounts * signature.variances.sqrt()
    amounts = amounts - _class_means(amounts, labels, counts)[labels]
    wanted = (1 - signature.means.square().sum(-1)).clamp(min=0)
    drawn = _class_means(amounts.square().sum(-1, keepdim=True), labels, counts)[:, 0]
    # The mean of a single picture is the picture itself, so it is not moved.
    scales = torch.where(drawn > 0, wanted / drawn, 0.0).sqrt()
    moved = scales[labels, None] * amounts @ signature.directions
    return normalize(signature.means[labels] + moved, dim=-1), labels


def _class_means(
    rows: Float[Tensor, "n r"], labels: Int[Tensor, " n"], counts: Int[Tensor, " N"]
) -> Float[Tensor, "N r"]:
    sums = rows.new_zeros(len(counts), rows.shape[1]).index_add(0, labels, rows)
    return sums / counts.clamp(min=1)[:, None]


def _rows(part: StoredAdapter) -> tuple[Tensor, Tensor, Tensor]:
    if part.support is not None:
        return *part.support.labelled_rows(), part.support.text_TND[0]
    signature = part.task_signature
    return *rows_of_signature(signature), signature.text


def _are_copies(
    rows: Float[Tensor, "n D"],
    numbers: Int[Tensor, " n"],
    earlier: Sequence[Tensor],
    earlier_numbers: Sequence[Tensor],
) -> Bool[Tensor, " n"]:
    """True for copies of earlier rows: with its copy, a left-out picture would look too easy."""
    if not earlier:
        return torch.zeros(len(rows), dtype=torch.bool)
    same_class = numbers[:, None] == torch.cat([*earlier_numbers])
    is_same = (rows @ torch.cat([*earlier]).mT >= SAME) & same_class
    return is_same.any(-1)


def _require_alike(first_name: str, first: AdapterConfig, name: str, other: AdapterConfig) -> None:
    owner = f"the adapter {name!r}, merged with {first_name!r},"
    if first.origin.fingerprint is not None and other.origin.fingerprint is not None:
        first.origin.fingerprint.require_match(other.origin.fingerprint, owner=owner)
    facts = [(config.width, config.blocks, config.origin.n_views) for config in (first, other)]
    if facts[0] != facts[1]:
        raise IncompatibleArtifact(
            f"{owner} encodes pictures differently: its width, blocks and views are {facts[1]}, "
            f"and those of {first_name!r} are {facts[0]}; adapt both with the same options"
        )
