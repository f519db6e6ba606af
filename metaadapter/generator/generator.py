"""The generator that metaadapter ships: it reads inner products and combines rows of a support."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify
from metaadapter.errors import IncompatibleArtifact
from metaadapter.files.strict_json import json_text
from metaadapter.generator.adapter_generator import REMEDY, AdapterGenerator
from metaadapter.generator.assembly import assemble
from metaadapter.generator.block_weights import block_scalars, log_lengths, reweigh, weighed
from metaadapter.generator.canonical import CanonicalSupport
from metaadapter.generator.chunks import predict_in_chunks
from metaadapter.generator.domain_shift import domain_shift
from metaadapter.generator.known_network import KnownNetwork
from metaadapter.generator.known_scalars import likeness
from metaadapter.generator.network import Corrections, Heads, SetEncoder
from metaadapter.generator.network_share import usual_shots
from metaadapter.generator.pool.pool import with_pool
from metaadapter.generator.pool.pool_network import PoolNetwork
from metaadapter.generator.pool.pool_thresholds import with_pool_thresholds
from metaadapter.generator.relations import Relations, relate
from metaadapter.generator.ridge.closed_form import ClosedForm
from metaadapter.generator.ridge.dual_ridge import dual_ridge, left_out_residuals
from metaadapter.generator.ridge.independent_classes import independent_classes
from metaadapter.generator.ridge.leave_one_out import LeftOut, leave_one_out, like_and_doubt
from metaadapter.generator.ridge.regression import Regression, regression
from metaadapter.generator.span import span_of

# Even a large machine has no room for a network with larger sizes.
LARGEST = {"width": 8192, "n_layers": 128, "n_heads": 8192}
MOST_CAUTION = 4
TEMPERATURE_DECAY = 0.25
"""The network's correction of ln κ counts shots^−0.25 (docs/laboratory-notes/encoders.md)."""


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """The constants of a generator and the shape of its network, which fits all feature widths.

    Raises:
        ValueError: A number is out of range, or `n_heads` does not divide `width`.
    """

    width: int = 128
    n_layers: int = 3
    n_heads: int = 4
    caution: float = 0.0
    """With K pictures a class, labelled or not, this / K is subtracted from ln of the inverse
    temperature: one does not tell the scatter, and the network learned that of its encoders."""
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
                f"{wrong}; the largest allowed sizes are {LARGEST}"
            )
        if not 0 <= self.caution <= MOST_CAUTION:
            raise ValueError(f"caution must be from 0 to {MOST_CAUTION}, got {self.caution}")
        if self.width % self.n_heads:
            raise ValueError(
                f"expected a width that n_heads divides, got width {self.width} and n_heads "
                f"{self.n_heads}; the heads share the width equally"
            )


@final
class Generator(AdapterGenerator):
    """Predicts an adapter as combinations of support rows, from inner products of these rows.

    An untrained generator predicts its closed form, a ridge towards the text, because the
    learned outputs start at zero. They correct constants of the formula or add to its result. One
    set of weights serves all encoders and widths. Rotating the features of a block changes no
    prediction; permuting classes permutes the adapter, and permuting shots changes nothing.
    """

    takes_float64 = True

    def __init__(self, config: GeneratorConfig | None = None) -> None:
        super().__init__()
        self.config = config or GeneratorConfig()
        self.encoder = SetEncoder(self.config.width, self.config.n_layers, self.config.n_heads)
        self.heads = Heads(self.config.width)
        self.pool = PoolNetwork()
        self.known = KnownNetwork()

    def stored_config(self) -> dict[str, Any]:
        """Return the constants of the closed form and the shape of the network."""
        network = asdict(self.config)
        return {"closed_form": network.pop("closed_form"), "network": network}

    @classmethod
    def from_config(cls, stored: Mapping[str, Any], place: object) -> Self:
        """Return a generator of this shape on the meta device.

        There it takes no memory, even if the configuration declares more than the file holds.
        """
        if "class" in stored:
            raise IncompatibleArtifact(
                f"{place} holds the weights of your own generator {stored['class']} without its "
                f"code; name both, as in FILE.py:{stored['class']}@{place}"
            )
        try:
            constants = ClosedForm(**stored["closed_form"])
            config = GeneratorConfig(**stored["network"], closed_form=constants)
        except (KeyError, TypeError, ValueError) as error:
            raise IncompatibleArtifact(
                f"the configuration in {place} does not describe a generator of this version of "
                f"metaadapter: {error}; {REMEDY}"
            ) from error
        with torch.device("meta"):
            return cls(config)

    def identity_text(self) -> str:
        """Return the constants and the shape as JSON."""
        return json_text(asdict(self.config), sort_keys=True)

    def forward(self, support: Support, *, with_known: bool = True) -> AdapterWeights:
        """Return the adapters of T tasks; a task without a picture gets zero-shot CLIP.

        If the support has pools, only `PoolNetwork` gets gradients. Without pools,
        `with_known=False` leaves out the known head, which a loss of queries does not read.

        Raises:
            UsageError: A task has no picture, and the encoder's temperature is unknown.
        """
        most_rows = self.config.closed_form.most_rows
        if support.n_pool:
            return predict_in_chunks(self._with_pool, support, most_rows)

        def predict(part: Support) -> AdapterWeights:
            return self._without_pool(part, with_known=with_known)[0]

        span = span_of(support)
        if span is None:
            return predict_in_chunks(predict, support, most_rows)
        return span.lift(predict_in_chunks(predict, span.support, most_rows))

    def _with_pool(self, support: Support) -> AdapterWeights:
        with torch.no_grad():
            shift = domain_shift(support)
            moved = shift.move(support, shift.strength_T)
            weights, problem, corrections = self._without_pool(moved)
        weights = with_pool(problem, corrections, weights, shift, self.pool)
        return with_pool_thresholds(weights, moved, shift)

    @property
    def closed_form(self) -> ClosedForm:
        """The constants of the closed form."""
        return self.config.closed_form

    def in_domain_of_pool(self, support: Support) -> Support:
        """Return the support with its labelled pictures moved to the domain of its pool."""
        if not support.n_pool:
            return support
        shift = domain_shift(support)
        return shift.move(support, shift.probability_T)

    def left_out(self, support: Support) -> LeftOutPredictions:
        """Predict each labelled picture of one task without it; pools are ignored.

        For all pictures together, this takes about as long as predicting one adapter.
        """
        if support.has_label_sets:
            return left_out_of_sets(support, self.closed_form)
        with torch.no_grad():
            support = support.with_pool(None).exact
            span = span_of(support)
            support = support if span is None else span.support
            weights, problem, corrections = self._without_pool(support)
            return left_out_predictions(problem, corrections, weights)

    def _without_pool(
        self, support: Support, *, with_known: bool = True
    ) -> tuple[AdapterWeights, Regression, Corrections]:
        canonical = weighed(support)
        problem = regression(canonical, self.config.closed_form)
        left_out = leave_one_out(problem, with_known=with_known)
        # In training the network learns from all tasks, those beyond its former range included.
        share_T = problem.network_share_T
        share_T = torch.ones_like(share_T) if self.training else share_T
        corrections = self._corrections(canonical, left_out, share_T)
        if corrections.log_block_TP is not None:
            weight_TP = log_lengths(canonical) + corrections.log_block_TP.to(canonical.scale_TD)
            problem = problem.stretched(reweigh(canonical, weight_TP))
        caution_T = self.config.caution * share_T / _pictures_per_class(canonical)
        scale_T = left_out.scale_T * (-caution_T).exp()
        ridge = left_out.ridge if corrections.from_text_TNN is None else None
        weights = assemble(problem, corrections, scale_T, ridge)
        if with_known:
            weights = replace(weights, **self.known(left_out, share_T))
        return weights, problem, corrections

    def _corrections(
        self, canonical: CanonicalSupport, left_out: LeftOut, share_T: Float[Tensor, " T"]
    ) -> Corrections:
        # The scalars of pairs of classes need memory that grows with the square of the classes.
        if not (self.training or share_T.any()):
            return Corrections()
        dtype, mask_TN = self.heads.task.weight.dtype, canonical.raw.class_mask_TN
        relations = Relations(*(part.to(dtype) for part in relate(canonical, left_out)))
        tokens_TNH, edges_TNNE = self.encoder(relations, mask_TN)
        several = len(canonical.raw.blocks) > 1
        blocks_TPS = block_scalars(canonical).to(dtype) if several else None
        corrections: Corrections = self.heads(
            tokens_TNH, edges_TNNE, relations, mask_TN, blocks_TPS
        )
        # The more pictures a class has, the better leave-one-out tells the temperature alone.
        part_T = (usual_shots(canonical.n_shot_TN) ** -TEMPERATURE_DECAY).to(dtype)
        counted = replace(corrections, log_scale_T=corrections.log_scale_T * part_T)
        return counted.times(share_T)


def _pictures_per_class(canonical: CanonicalSupport) -> Float[Tensor, " T"]:
    pictures_T = usual_shots(canonical.n_shot_TN)
    if canonical.raw.pool_mask_TU is None:
        return pictures_T
    n_way_T = canonical.raw.class_mask_TN.sum(-1).clamp(min=1)
    return pictures_T + canonical.raw.pool_mask_TU.sum(-1) / n_way_T


@dataclass(frozen=True, slots=True)
class LeftOutPredictions:
    """Predictions for the m `pictures` of one task, each made without the picture itself."""

    log_p: Float[Tensor, "m N"]
    """The log-probability of each class, −∞ for classes that are masked out."""
    known: Float[Tensor, " m"] | None
    """The probability of known; `None` with several labels."""
    counts: Bool[Tensor, " m"]
    """True if all classes of the picture have other pictures, so that more than names are left."""


def left_out_of_sets(support: Support, constants: ClosedForm) -> LeftOutPredictions:
    """Predict each picture of one task of several labels by the regression on the others."""
    left_out_NC = independent_classes(support, constants).left_out_NC.cpu()
    is_shown_NC = support.pictures()[1].cpu()
    is_alone_N = (is_shown_NC & (is_shown_NC.sum(0) == 1)).any(1)
    return LeftOutPredictions(left_out_NC.log(), None, ~is_alone_N)


def left_out_predictions(
    problem: Regression, corrections: Corrections, weights: AdapterWeights
) -> LeftOutPredictions:
    """Predict each picture of one task without it; none if the task is large.

    Leaving out picture m lowers its logits by κ A_m (1 / [(K + N)⁻¹]_mm − N_m) (Rasmussen and
    Williams 2006, equation 5.12). K has the inner products of the pictures and
    the variance of the intercept, A the values of
    `dual_ridge`, N the noise, κ the inverse temperature. Corrections are those of the whole task,
    so an adapter that is predicted from the other pictures gives other logits
    (docs/explanation/advice.md).
    """
    noise_TM = problem.take(problem.noise_TX(corrections.log_noise_TNK))
    values_and_factor = dual_ridge(
        problem.gram_TMM + problem.constants.intercept,
        problem.present_TM,
        problem.residual_TMN(problem.prior_TND(corrections.log_trust_TN)),
        noise_TM,
    )
    fitted_TMN = noise_TM[..., None] * values_and_factor[0]
    change_TMN = fitted_TMN - left_out_residuals(*values_and_factor)
    raw = problem.support.raw
    rows_TMD, is_own_TMN = problem.rows_of(raw.rows_TMD), problem.targets_TMN > 0
    logits_TMN = classify(rows_TMD, weights)
    logits_TMN = logits_TMN + weights.logit_scale[:, None, None] * change_TMN
    log_p_TMN = logits_TMN.log_softmax(-1)
    several_TN = problem.support.n_shot_TN > 1
    counts_TM = (is_own_TMN & several_TN[:, None]).any(-1)
    like_TM, doubt_TM = like_and_doubt(likeness(raw), rows_TMD, problem.own_TM, log_p_TMN)
    assert weights.known is not None  # the generator always predicts the known head
    evidence_TM2 = torch.stack([like_TM, doubt_TM], -1).to(weights.known)
    known_TM = (evidence_TM2 @ weights.known[:, :2, None])[..., 0] + weights.known[:, 2:]
    # The places with a picture come first, class by class, like the labelled rows.
    present_M = problem.present_TM[0].cpu()
    parts = log_p_TMN, known_TM.sigmoid(), counts_TM
    return LeftOutPredictions(*(part[0].cpu()[present_M] for part in parts))
