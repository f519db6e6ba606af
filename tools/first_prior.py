"""MetaQDA's prior before its first training step."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from episodes import TaskSource
from metaadapter.bench.peers.meta_qda import Prior

KAPPA, FREEDOM, TEMPERATURE = 2.0, 300.0, 10.0
"""κ, ν − D + 1 and the temperature."""
SHRINKAGE = 0.1
"""The share of the mean variance that is added to every direction of the covariance."""


def first_prior(sources: Iterable[TaskSource]) -> Prior:
    """Return the prior with the mean of the training classes and the covariance within them."""
    weighted = [(source.weight, *_of_classes(source)) for source in sources]
    total = sum(weight for weight, _, _ in weighted)
    mean_D = torch.stack([weight / total * mean_D for weight, mean_D, _ in weighted]).sum(0)
    within_DD = torch.stack([weight / total * within_DD for weight, _, within_DD in weighted])
    values, vectors_DD = torch.linalg.eigh(within_DD.sum(0))
    values = values + SHRINKAGE * values.mean()
    whiten_DD = vectors_DD / (FREEDOM * values).sqrt() @ vectors_DD.T
    scalars = (torch.tensor(number).log() for number in (KAPPA, FREEDOM, TEMPERATURE))
    return Prior(mean_D, whiten_DD, *scalars)


def _of_classes(source: TaskSource) -> tuple[Float[Tensor, " D"], Float[Tensor, "D D"]]:
    """Return the mean of the classes that have pictures, and the covariance within classes."""
    is_labelled_n = source.labels_n >= 0
    rows_nD, labels_n = source.features_nVD[is_labelled_n, 0], source.labels_n[is_labelled_n]
    counts_C = labels_n.bincount(minlength=len(source.text_CD))
    sums_CD = torch.zeros_like(source.text_CD).index_add_(0, labels_n, rows_nD)
    means_CD = sums_CD / counts_C.clamp(min=1)[:, None]
    apart_nD = rows_nD - means_CD[labels_n]
    return means_CD[counts_C > 0].mean(0), apart_nD.T.cov(correction=0)
