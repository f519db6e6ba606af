"""The weights of the meta-trained peers before their first training step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import Parameter

from episodes import TaskSource
from metaadapter.bench.peers.caml import WAYS, Transformer
from metaadapter.bench.peers.maml import Start
from metaadapter.bench.peers.meta_adapter import Attention
from metaadapter.bench.peers.meta_qda import Prior

VISUAL_HIDDEN = 64
"""Width of the visual adapter's bottleneck of MAML and ANIL."""
INNER_RATE = 30.0
"""Their initial inner learning rate, multiplied by the square of the temperature."""
LAYERS, HEADS, WIDTH = 4, 8, 128
"""The size of CAML's transformer; the authors' has 24 layers of width 1,024."""
NOISE = 0.3
"""Size of the random part of CAML's attention, which starts as one to similar pictures."""
KAPPA, FREEDOM, TEMPERATURE = 2.0, 300.0, 10.0
"""MetaQDA's κ, ν − D + 1 and temperature."""
SHRINKAGE = 0.1
"""The share of the mean variance that is added to every direction of MetaQDA's covariance."""


def first_weights(
    name: str, sources: Iterable[TaskSource], generator: torch.Generator
) -> dict[str, Parameter]:
    """Return the weights of a peer in `META_PEERS` for the features of these sources."""
    tasks = tuple(sources)
    width = tasks[0].features_nVD.shape[-1]
    first: Attention | Start | Transformer | Prior
    if name == "Meta-Adapter":
        layers = (_uniform(width, width, width, generator=generator) for _ in range(2))
        gate_D = _uniform(width, width, generator=generator)
        first = Attention(*layers, gate_D, torch.tensor(1.0))
    elif name == "CAML":
        first = _transformer(tasks, generator)
    elif name == "MetaQDA":
        first = _prior(tasks)
    else:
        # The adapter initially changes nothing, as CLIP-Adapter does here.
        down_RD = _uniform(width, VISUAL_HIDDEN, width, generator=generator)
        first = Start(down_RD, torch.zeros(width, VISUAL_HIDDEN), torch.tensor(INNER_RATE).log())
    return {field.name: Parameter(getattr(first, field.name)) for field in fields(first)}


def _uniform(n_inputs: int, *shape: int, generator: torch.Generator) -> Tensor:
    """Return numbers uniform within ±1/√inputs, as in `torch.nn.Linear`."""
    return (2 * torch.rand(shape, generator=generator) - 1) / n_inputs**0.5


def _transformer(sources: tuple[TaskSource, ...], generator: torch.Generator) -> Transformer:
    """Return a transformer that sees the largest principal components, and labels beside them."""
    n_components, head, inner = WIDTH - WAYS, WIDTH // HEADS, 4 * WIDTH
    mean_D, within_DD, between_DD = _moments(sources)
    values, vectors_DD = torch.linalg.eigh(within_DD + between_DD)
    top_DX = vectors_DD[:, -n_components:] * (n_components / values[-n_components:].sum()).sqrt()
    # A random rotation gives each head components of all sizes.
    turn_PP = torch.linalg.qr(torch.randn(n_components, n_components, generator=generator))[0]
    project_WD = torch.zeros(WIDTH, len(mean_D))
    project_WD[:n_components] = turn_PP[:, : top_DX.shape[1]] @ top_DX.T
    label_WC = torch.cat([torch.zeros(n_components, WAYS), WAYS**0.5 * torch.eye(WAYS)])

    def matrices(*shape: int, n_inputs: int = WIDTH) -> Tensor:
        return NOISE * _uniform(n_inputs, LAYERS, *shape, generator=generator)

    similar_HEW = torch.zeros(HEADS, head, WIDTH)
    rows = torch.arange(HEADS * head)
    similar_HEW.view(-1, WIDTH)[rows, rows] = 1.0
    similar_HEW[..., n_components:] = 0.0
    copy_HEW = torch.zeros(HEADS, head, WIDTH)
    copy_HEW[:, :WAYS, n_components:] = torch.eye(WAYS)
    return Transformer(
        project_WD=project_WD,
        bias_W=-project_WD @ mean_D,
        label_WC=label_WC,
        unknown_W=torch.zeros(WIDTH),
        query_JHEW=matrices(HEADS, head, WIDTH) + similar_HEW,
        key_JHEW=matrices(HEADS, head, WIDTH) + similar_HEW,
        value_JHEW=matrices(HEADS, head, WIDTH) + copy_HEW,
        out_JHEW=matrices(HEADS, head, WIDTH) + copy_HEW / HEADS,
        up_JFW=_uniform(WIDTH, LAYERS, inner, WIDTH, generator=generator),
        up_bias_JF=torch.zeros(LAYERS, inner),
        down_JFW=matrices(inner, WIDTH, n_inputs=inner),
        read_CW=torch.cat([torch.zeros(WAYS, n_components), torch.eye(WAYS)], dim=1),
    )


def _prior(sources: tuple[TaskSource, ...]) -> Prior:
    """Return the prior whose mean and expected covariance are those of the training features."""
    mean_D, within_DD, _ = _moments(sources)
    values, vectors_DD = torch.linalg.eigh(within_DD)
    values = values + SHRINKAGE * values.mean()
    whiten_DD = vectors_DD / (FREEDOM * values).sqrt() @ vectors_DD.T
    scalars = (torch.tensor(number).log() for number in (KAPPA, FREEDOM, TEMPERATURE))
    return Prior(mean_D, whiten_DD, *scalars)


def _moments(
    sources: tuple[TaskSource, ...],
) -> tuple[Float[Tensor, " D"], Float[Tensor, "D D"], Float[Tensor, "D D"]]:
    """Return the mean, and the covariance within and between the classes, averaged by weight."""
    total = sum(source.weight for source in sources)
    parts = [(source.weight / total, *_of_classes(source)) for source in sources]
    mean_D = torch.stack([share * means_CD.mean(0) for share, means_CD, _ in parts]).sum(0)
    within_DD = torch.stack([share * apart_nD.T.cov(correction=0) for share, _, apart_nD in parts])
    between_DD = torch.stack(
        [share / len(means_CD) * _square(means_CD - mean_D) for share, means_CD, _ in parts]
    )
    return mean_D, within_DD.sum(0), between_DD.sum(0)


def _of_classes(source: TaskSource) -> tuple[Float[Tensor, "C D"], Float[Tensor, "n D"]]:
    """Return the mean picture of each class with pictures, and the distance of pictures from it."""
    is_labelled_n = source.labels_n >= 0
    rows_nD, labels_n = source.features_nVD[is_labelled_n, 0], source.labels_n[is_labelled_n]
    counts_C = labels_n.bincount(minlength=len(source.text_CD))
    sums_CD = torch.zeros_like(source.text_CD).index_add_(0, labels_n, rows_nD)
    means_CD = sums_CD / counts_C.clamp(min=1)[:, None]
    return means_CD[counts_C > 0], rows_nD - means_CD[labels_n]


def _square(rows_nD: Float[Tensor, "n D"]) -> Float[Tensor, "D D"]:
    return rows_nD.T @ rows_nD
