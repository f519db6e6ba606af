"""The generator that ships: it reads inner products of a support and combines its rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.errors import UsageError
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.block_weights import block_scalars, log_lengths, reweigh
from metaadapter.generator.canonical import CanonicalSupport, canonicalise, sum_blocks
from metaadapter.generator.closed_form import ClosedForm
from metaadapter.generator.known_network import KnownNetwork
from metaadapter.generator.leave_one_out import leave_one_out
from metaadapter.generator.left_out_predictions import LeftOutPredictions, left_out_predictions
from metaadapter.generator.network import Corrections, Heads, SetEncoder
from metaadapter.generator.pool import with_pool
from metaadapter.generator.pool_network import PoolNetwork
from metaadapter.generator.pool_rounds import PoolForm
from metaadapter.generator.regression import Regression, regression
from metaadapter.generator.relations import Relations, relate
from metaadapter.generator.ridge import kernel_ridge, ridge_towards_prior

POOL_FORM = PoolForm()
# The published default of CLIP-Adapter.
VISUAL_RATIO = 0.2
# The sizes of a network that still fits a large machine.
LARGEST = {"width": 8192, "n_layers": 128, "n_heads": 8192, "bottleneck": 8192}


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """The shape of a generator's network, the same for every feature width, and its constants.

    Raises:
        ValueError: A size is out of range, or `n_heads` does not divide `width`.
    """

    width: int = 128
    n_layers: int = 3
    n_heads: int = 4
    bottleneck: int = 8
    closed_form: ClosedForm = field(default_factory=ClosedForm)

    def __post_init__(self) -> None:
        sizes = {name: getattr(self, name) for name in LARGEST}
        wrong = {
            name: size
            for name, size in sizes.items()
            if not (isinstance(size, int) and (name != "n_layers") <= size <= LARGEST[name])
        }
        if wrong:
            raise ValueError(
                "expected sizes of at least 1, and n_layers of at least 0, got "
                f"{wrong}; the largest are {LARGEST}"
            )
        if self.width % self.n_heads:
            raise ValueError(
                f"expected a width that n_heads divides, got width {self.width} and n_heads "
                f"{self.n_heads}; the heads share the width equally"
            )


@final
class Generator(AdapterGenerator):
    """Predicts an adapter from the inner products of a support, as combinations of its rows.

    An untrained generator predicts its closed form, a kernel ridge towards the text: every learned
    output starts at zero, and corrects a constant of the formula or adds to its result. One set of
    weights serves every encoder and width. Rotating the features of a block changes no prediction;
    permuting the classes permutes the adapter, and permuting the shots changes nothing.
    """

    takes_float64 = True

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        self.config = config or GeneratorConfig()
        self.encoder = SetEncoder(self.config.width, self.config.n_layers, self.config.n_heads)
        self.heads = Heads(self.config.width, self.config.bottleneck)
        self.pool = PoolNetwork()
        self.known = KnownNetwork()

    def forward(self, support: Support) -> AdapterWeights:
        """Return the adapters of T tasks; a task without a picture gets zero-shot CLIP.

        With pools, only the network that reads them gets gradients.

        Raises:
            UsageError: A task has no picture, and the encoder's temperature is unknown.
        """
        if not support.n_pool:
            return self._without_pool(support)[0]
        with torch.no_grad():
            weights, problem, corrections = self._without_pool(support)
        return with_pool(problem, corrections, weights, self.pool, POOL_FORM)

    def left_out(self, support: Support) -> LeftOutPredictions:
        """Predict each labelled picture of one task without it; pools are ignored.

        All of it takes about as long as predicting one adapter.
        """
        with torch.no_grad():
            weights, problem, corrections = self._without_pool(support.with_pool(None).exact)
            return left_out_predictions(problem, corrections, weights)

    def _without_pool(self, support: Support) -> tuple[AdapterWeights, Regression, Corrections]:
        """Return the adapters, and the regression and corrections that they come from."""
        canonical, several = canonicalise(support), len(support.blocks) > 1
        if several:
            base_TP = log_lengths(canonical)
            canonical = reweigh(canonical, base_TP)
        problem = regression(canonical, self.config.closed_form)
        left_out = leave_one_out(problem)
        dtype, mask_TN = self.heads.task.weight.dtype, support.class_mask_TN
        relations = Relations(*(part.to(dtype) for part in relate(canonical, left_out)))
        tokens_TNH, edges_TNNE = self.encoder(relations, mask_TN)
        blocks_TPS = block_scalars(canonical).to(dtype) if several else None
        corrections = self.heads(tokens_TNH, edges_TNNE, relations, mask_TN, blocks_TPS)
        if corrections.log_block_TP is not None:
            weight_TP = base_TP + corrections.log_block_TP.to(base_TP.dtype)
            problem = problem.stretched(reweigh(canonical, weight_TP))
        weights = _emit(problem, corrections, left_out.scale_T)
        weights = replace(weights, **self.known(problem, left_out))
        return weights, problem, corrections


def _scale_T(support: Support) -> Tensor:
    """Return the encoder's inverse temperature; 1 if it is unknown and no task needs it."""
    if support.logit_scale_T is not None:
        return support.logit_scale_T
    if not support.present_TNK.any(dim=-1).any(dim=-1).all():
        raise UsageError(
            "a task without a single picture is classified by its texts alone, which needs the "
            "encoder's temperature: pass logit_scale (FrozenEncoder.logit_scale)"
        )
    return support.text_TND.new_ones(support.n_tasks)


def _emit(
    problem: Regression, corrections: Corrections, scale_T: Float[Tensor, " T"]
) -> AdapterWeights:
    """Combine the support into an adapter.

    In canonical coordinates z = s (x − c) the logits are κ (W z + Σ_m a_m k(z_m, z) + b). W holds
    the texts times their trust plus the learned combinations; a, the kernel ridge towards the
    texts, becomes the cache. In the encoder's coordinates W z is (W s) x − (W s) c, where s is the
    same for all coordinates of a block. A task with too many pictures for a kernel has a linear
    ridge in W and an empty cache. A task without a picture is zero-shot CLIP at the encoder's
    temperature. `scale_T` is κ before its correction.
    """
    support = problem.support
    prior_TND = problem.prior_TND(corrections.log_trust_TN)
    noise_TX = problem.noise_TX(corrections.log_noise_TNK)
    sharpness_T = problem.sharpness_T(corrections.log_sharpness_T)
    pictured_T = support.image_mask_TN.any(-1)
    pictured_T1 = pictured_T[:, None]
    classes_TND = _class_vectors(problem, corrections, prior_TND, noise_TX)
    classes_TND = torch.where(pictured_T1[..., None], classes_TND, support.text_TND)
    scale_T = torch.where(
        pictured_T,
        scale_T * corrections.log_scale_T.exp(),
        _scale_T(support.raw) * support.text_spread_T,
    )
    raw_TND = classes_TND * support.scale_TD[:, None]
    at_centre_TN = (raw_TND * support.image_centre_TD[:, None]).sum(-1)
    bias_TN = scale_T[:, None] * (corrections.bias_TN * pictured_T1 - at_centre_TN)
    values_TMN, _ = kernel_ridge(
        problem.distance_TMM,
        problem.present_TM,
        problem.residual_TMN(prior_TND),
        problem.take(noise_TX),
        sharpness_T,
    )
    weights = AdapterWeights(
        classes=raw_TND,
        class_bias=bias_TN.masked_fill(~support.raw.class_mask_TN, -torch.inf),
        logit_scale=scale_T,
        **_bottleneck(support, corrections),
        **_cache(problem, values_TMN, sharpness_T, scale_T),
    )
    return weights.to(dtype=support.shots_TNKD.dtype)


def _class_vectors(
    problem: Regression, corrections: Corrections, prior_TND: Tensor, noise_TX: Tensor
) -> Tensor:
    """Return prior plus learned combinations; with a linear ridge in tasks without a kernel."""
    support, constants, is_large_T = problem.support, problem.constants, problem.is_large_T
    learned_TND = corrections.from_text_TNN.to(prior_TND) @ support.text_TND.to(
        prior_TND
    ) + corrections.from_means_TNN.to(prior_TND) @ support.means_TND.to(prior_TND)
    if not is_large_T.any():
        return prior_TND + learned_TND
    ridge_TND = ridge_towards_prior(
        support.shots_TNKD.flatten(1, 2).to(prior_TND),
        support.raw.targets_TMN.to(prior_TND),
        constants.linear_ridge / constants.ridge * noise_TX,
        prior_TND,
    )
    # As in the kernel ridge, all classes with a name alone change by the same.
    ridge_TND = ridge_TND - problem.above_other_names((ridge_TND - prior_TND).mT).mT
    return torch.where(is_large_T[:, None, None], ridge_TND, prior_TND) + learned_TND


def _bottleneck(support: CanonicalSupport, corrections: Corrections) -> dict[str, Tensor]:
    """Return the visual bottleneck: its rows are combinations of texts and means."""
    basis_TBD = torch.cat([support.text_TND, support.means_TND], 1)
    scale_T1D = support.scale_TD[:, None]
    down_TRD = normalize(corrections.down_TRB.to(basis_TBD.dtype) @ basis_TBD, dim=-1)
    up_TRD = corrections.up_TRB.to(basis_TBD.dtype) @ basis_TBD
    return {
        "centre": support.image_centre_TD,
        "down": down_TRD * scale_T1D,
        "bias": corrections.down_bias_TR,
        "up": (up_TRD / scale_T1D).mT.contiguous(),
        "visual_ratio": VISUAL_RATIO * support.image_mask_TN.any(-1),
    }


def _cache(
    problem: Regression, values_TMN: Tensor, sharpness_T: Tensor, scale_T: Tensor
) -> dict[str, Tensor]:
    """Return the kernel as a Tip-Adapter cache: 1 − cos is half the squared distance."""
    support = problem.support
    raw_TMD = problem.rows_of(support.raw.rows_TMD)
    # If blocks have constant lengths, ‖z − z'‖² = 2 (C − ⟨x, s² x'⟩) with s the scale.
    squared_T1D = support.scale_TD[:, None].square()
    squares_TMP = sum_blocks(raw_TMD.square(), support.raw.blocks)
    size_TM = (squares_TMP @ support.block_scale_TP.square()[..., None])[..., 0]
    sharpness_T1 = sharpness_T[:, None]
    return {
        "keys": raw_TMD * (squared_T1D / size_TM[..., None].clamp(min=1e-12)),
        "values": (values_TMN / sharpness_T1[..., None]).contiguous(),
        "alpha": scale_T,
        "beta": sharpness_T1 * size_TM * problem.present_TM,
    }
