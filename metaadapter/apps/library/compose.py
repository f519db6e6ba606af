"""Several adapters over one encoder as one adapter over all their classes, without the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.signature import TaskSignature
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.workflow.fitting import fit_support
from metaadapter.workflow.labelled_support import require_one_kind
from metaadapter.workflow.new_class import SAME


def compose(parts: Mapping[str, StoredAdapter]) -> StoredAdapter:
    """Predict one adapter over the union of the classes of several.

    Where their supports are stored, this is what the generator that ships predicts from all their
    pictures together, whatever made theirs. Where one is not, `rows_of_signature` stand for its
    pictures, and the new adapter has no support either. Classes of the same label become one.
    Unlabelled pictures and gradient steps are not taken over.

    Args:
        parts: Name → adapter, two at least.

    Raises:
        UsageError: There are fewer than two, labels are partly texts and partly numbers, or nothing
            of a class was kept.
        IncompatibleArtifact: They are of different encoders, or see pictures differently.
    """
    if len(parts) < 2:
        raise UsageError(
            f"at least two different adapters are needed to merge, got {', '.join(parts) or 'none'}"
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
        place = torch.tensor([classes.index(label) for label in part.config.classes])
        own_rows, own_numbers, own_text = _rows(part)
        own_numbers = place[own_numbers]
        is_fresh = ~_are_there(own_rows, own_numbers, rows, numbers)
        rows.append(own_rows[is_fresh])
        numbers.append(own_numbers[is_fresh])
        is_new = own_text.any(-1) & ~texts[place].any(-1)
        texts[place[is_new]] = own_text[is_new]
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
            f"nothing was kept of the class {label!r}, neither its features nor a signature; merge "
            "the adapters that it is not in, or adapt it again from its pictures"
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
    """Unit rows with about the class means of a task, and a scatter like that of its pictures.

    A class has as many as it had pictures: its mean moved along the directions of the scatter, by
    random amounts of their variances that add up to nothing. Pictures are unit rows, so that the
    length of their mean, m, tells how far they are from it: 1 − |m|² in the mean square. That is
    what the rows get. The same signature gives the same rows.

    docs/explanation/libraries.md tells what was measured.
    """
    counts = signature.counts.long()
    labels = torch.arange(len(counts)).repeat_interleave(counts)
    draw = torch.Generator().manual_seed(0)
    amounts = torch.randn(len(labels), len(signature.variances), generator=draw)
    amounts = amounts * signature.variances.sqrt()
    amounts = amounts - _class_means(amounts, labels, counts)[labels]
    wanted = (1 - signature.means.square().sum(-1)).clamp(min=0)
    drawn = _class_means(amounts.square().sum(-1, keepdim=True), labels, counts)[:, 0]
    # One picture is its own mean, and nothing was drawn for it.
    scales = torch.where(drawn > 0, wanted / drawn, 0.0).sqrt()
    moved = scales[labels, None] * amounts @ signature.directions
    return normalize(signature.means[labels] + moved, dim=-1), labels


def _class_means(
    rows: Float[Tensor, "n r"], labels: Int[Tensor, " n"], counts: Int[Tensor, " N"]
) -> Float[Tensor, "N r"]:
    sums = rows.new_zeros(len(counts), rows.shape[1]).index_add(0, labels, rows)
    return sums / counts.clamp(min=1)[:, None]


def _rows(part: StoredAdapter) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, their classes, and the texts of all classes."""
    if part.support is not None:
        return *part.support.labelled_rows(), part.support.text_TND[0]
    signature = part.task_signature
    return *rows_of_signature(signature), signature.text


def _are_there(
    rows: Float[Tensor, "n D"],
    numbers: Int[Tensor, " n"],
    before: Sequence[Tensor],
    of: Sequence[Tensor],
) -> Bool[Tensor, " n"]:
    """Whether rows are copies of earlier ones of the same class.

    A picture that two adapters share would be left out beside its copy, and seem well known.
    """
    if not before:
        return torch.zeros(len(rows), dtype=torch.bool)
    is_same = (rows @ torch.cat([*before]).mT >= SAME) & (numbers[:, None] == torch.cat([*of]))
    return is_same.any(-1)


def _require_alike(first_name: str, first: AdapterConfig, name: str, other: AdapterConfig) -> None:
    owner = f"the adapter {name!r}, to be merged with {first_name!r},"
    if first.origin.fingerprint is not None and other.origin.fingerprint is not None:
        first.origin.fingerprint.require_match(other.origin.fingerprint, owner=owner)
    seen = [(config.width, config.blocks, config.origin.n_views) for config in (first, other)]
    if seen[0] != seen[1]:
        raise IncompatibleArtifact(
            f"{owner} sees pictures otherwise: width, blocks and views are {seen[1]}, and "
            f"{seen[0]} in {first_name!r}; adapt both alike to merge them"
        )
