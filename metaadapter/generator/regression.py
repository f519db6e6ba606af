"""The regression behind a classifier: pictures to be mapped to one-hot labels, and a prior."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.generator.canonical import CanonicalSupport

# Constants of the closed form beyond these have no solution that can be computed.
SMALLEST, LARGEST = 1e-6, 1e6
MAY_BE_ZERO = (
    *("text_trust", "bare_text_trust", "balance", "scale_decay", "weakening"),
    "most_kernel_rows",
)


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The constants of the closed form that a generator starts from and corrects.

    They are part of its configuration, file and identity. The defaults were chosen on training sets
    alone; docs/explanation/closed-form.md has the grids.
    """

    ridge: float = 0.5
    """How far the kernel ridge may miss a target where all classes have equally many shots."""
    linear_ridge: float = 1.0
    """How far the linear ridge may, which serves tasks with too many pictures for a kernel."""
    sharpness: float = 0.6
    """The sharpness β of the kernel exp(−β ‖z − z'‖² / 2) / β."""
    text_trust: float = 0.5
    """The length of the prior vector of a class with pictures, in units of its canonical text."""
    bare_text_trust: float = 3.0
    """The length for a class without a picture, whose text has to reach as far as pictures do."""
    balance: float = 2.0
    """The power of its shots over the mean shots by which a class's noise grows, so that a class
    with many pictures does not outvote the others."""
    scale_at_one_shot: float = 17.6
    """The inverse temperature at one shot."""
    scale_decay: float = 0.18
    """The power of the mean shots by which the inverse temperature falls, for ridge predictions
    sharpen with more pictures."""
    weakening: float = 0.45
    """The power of 1 − 1/K by which answers about a class of K shots are weaker with one left
    out."""
    most_kernel_rows: int = 2048
    """The number of pictures beyond which a kernel matrix is too large for a small machine."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least = 0 if name in MAY_BE_ZERO else SMALLEST
            if not least <= value <= LARGEST:
                raise ValueError(f"{name} must be within {least:g} to {LARGEST:g}, got {value}")


@dataclass(frozen=True, slots=True)
class Regression:
    """The pictures of T tasks in canonical coordinates, and the targets they are mapped to.

    X = N·K counts the places for pictures of a task, and M those that the fullest task needs which
    is small enough for a kernel. A larger task has no picture at the M places. The distances among
    pictures, which cost most, are computed once for all that is solved, block by block, and
    `stretched` combines them anew. Corrections are logarithms of the factors that the network has
    on a constant.
    """

    support: CanonicalSupport
    constants: ClosedForm
    places_TM: Int[Tensor, "T M"]
    """Which of the X places each of the M is; those with a picture come first."""
    present_TM: Bool[Tensor, "T M"]
    rows_TMD: Float[Tensor, "T M D"]
    """The pictures as they were when the distances were computed."""
    targets_TMN: Float[Tensor, "T M N"]
    """One-hot labels, in the precision of what is solved; rows of zeros where nothing is."""
    block_distance_TPMM: Float[Tensor, "T P M M"]
    """Squared distances among the rows in each block."""
    stretch_TP: Float[Tensor, "T P"]
    """How much each block has been stretched since."""
    distance_TMM: Float[Tensor, "T M M"]
    """Squared distances among the rows with their blocks so stretched."""

    def stretched(self, support: CanonicalSupport) -> Regression:
        """The regression of the same support with its blocks weighed otherwise."""
        stretch_TP = support.block_scale_TP / self.support.block_scale_TP * self.stretch_TP
        distance_TMM = torch.einsum("tp,tpmn->tmn", stretch_TP.square(), self.block_distance_TPMM)
        return replace(
            self,
            support=support,
            stretch_TP=stretch_TP,
            distance_TMM=distance_TMM.to(self.distance_TMM),
        )

    @property
    def is_large_T(self) -> Bool[Tensor, " T"]:
        """Tasks with too many pictures for a kernel."""
        return self.support.shot_mask_TNK.sum((1, 2)) > self.constants.most_kernel_rows

    @property
    def base_scale_T(self) -> Float[Tensor, " T"]:
        """The inverse temperature κ before any evidence: it falls slowly with the shots."""
        constants = self.constants
        return constants.scale_at_one_shot * self.support.raw.n_shot_T**-constants.scale_decay

    def noise_TX(self, correction_TNK: Tensor | float = 0.0) -> Float[Tensor, "T X"]:
        """How far each target may be missed, 1 where there is no picture."""
        n_shot_TN = self.support.n_shot_TN.to(self.targets_TMN)
        mean_T1 = self.support.raw.n_shot_T.to(n_shot_TN)[:, None]
        relative_TN1 = (n_shot_TN.clamp(min=1) / mean_T1)[..., None]
        noise_TN1 = self.constants.ridge * relative_TN1**self.constants.balance
        noise_TNK = noise_TN1 * _factor(correction_TNK, noise_TN1)
        return torch.where(self.support.shot_mask_TNK, noise_TNK, 1.0).flatten(1)

    def prior_TND(self, correction_TN: Tensor | float = 0.0) -> Float[Tensor, "T N D"]:
        """Class vectors before any picture is seen: the texts times the trust in them."""
        trust_TN = torch.where(
            self.support.n_shot_TN > 0, self.constants.text_trust, self.constants.bare_text_trust
        ).to(self.targets_TMN)
        trust_TN = trust_TN * _factor(correction_TN, trust_TN)
        return trust_TN[..., None] * self.support.text_TND.to(trust_TN)

    def sharpness_T(self, correction_T: Tensor | float = 0.0) -> Float[Tensor, " T"]:
        """The sharpness β of the kernel."""
        sharpness_T = self.targets_TMN.new_full((len(self.rows_TMD),), self.constants.sharpness)
        return sharpness_T * _factor(correction_T, sharpness_T)

    def take(self, values_TX: Float[Tensor, "T X"]) -> Float[Tensor, "T M"]:
        """The values at the M places; 1 where there is no picture."""
        return torch.where(self.present_TM, values_TX.gather(1, self.places_TM), 1.0)

    def rows_of(self, rows_TXD: Float[Tensor, "T X D"]) -> Float[Tensor, "T M D"]:
        """The rows at the M places; zeros where there is no picture."""
        return _at_places(rows_TXD, self.places_TM, self.present_TM)

    def residual_TMN(self, prior_TND: Float[Tensor, "T N D"]) -> Float[Tensor, "T M N"]:
        """The targets less what the prior class vectors say, but for `among_names_TMN`.

        A picture of another class tells that it shows none of the classes that have a name alone,
        and nothing of which of them others show: so all of these have the same residual.
        """
        return self.targets_TMN - (self._said_TMN(prior_TND) - self.among_names_TMN(prior_TND))

    def among_names_TMN(self, prior_TND: Float[Tensor, "T N D"]) -> Float[Tensor, "T M N"]:
        """What the prior says of a class with a name alone above the mean over such classes.

        Zeros for classes with pictures.
        """
        return self.above_other_names(self._said_TMN(prior_TND))

    def above_other_names(self, values_TXN: Float[Tensor, "T X N"]) -> Float[Tensor, "T X N"]:
        """Values of classes with a name alone less the mean over such classes; zeros elsewhere."""
        alone_TN = self.support.raw.class_mask_TN & ~self.support.image_mask_TN
        alone_T1N = alone_TN[:, None].to(values_TXN)
        n_alone_T11 = alone_T1N.sum(-1, keepdim=True).clamp(min=1)
        mean_TX1 = (values_TXN * alone_T1N).sum(-1, keepdim=True) / n_alone_T11
        return (values_TXN - mean_TX1) * alone_T1N

    def _said_TMN(self, prior_TND: Float[Tensor, "T N D"]) -> Float[Tensor, "T M N"]:
        """What the prior class vectors say of the pictures."""
        widths = torch.tensor(self.support.raw.blocks or prior_TND.shape[-1:])
        stretch_TD = self.stretch_TP.repeat_interleave(widths.to(self.stretch_TP.device), dim=1)
        stretched_TND = prior_TND.to(self.rows_TMD) * stretch_TD[:, None]
        return (self.rows_TMD @ stretched_TND.mT).to(self.targets_TMN)


def regression(support: CanonicalSupport, constants: ClosedForm) -> Regression:
    """The regression of a batch of support sets, in the precision that its factors need."""
    # Thousands of shots need float64; Apple's GPU has none.
    solver = torch.float32 if support.shots_TNKD.device.type == "mps" else torch.float64
    there_TX = support.shot_mask_TNK.flatten(1)
    kept_TX = there_TX & (there_TX.sum(1) <= constants.most_kernel_rows)[:, None]
    most = max(kept_TX.sum(1).tolist(), default=0)
    places_TM = (~kept_TX).to(torch.int8).argsort(dim=1, stable=True)[:, :most]
    present_TM = kept_TX.gather(1, places_TM)
    rows_TMD, targets_TMN = (
        _at_places(each, places_TM, present_TM)
        for each in (support.shots_TNKD.flatten(1, 2), support.raw.targets_TMN)
    )
    widths = list(support.raw.blocks or rows_TMD.shape[-1:])
    block_distance_TPMM = torch.stack(
        [squared_distances(part) for part in torch.split(rows_TMD, widths, -1)], 1
    )
    return Regression(
        support,
        constants,
        places_TM,
        present_TM,
        rows_TMD,
        targets_TMN.to(solver),
        block_distance_TPMM,
        stretch_TP=torch.ones_like(support.block_scale_TP),
        distance_TMM=block_distance_TPMM.sum(1).to(solver),
    )


def squared_distances(rows_TMD: Float[Tensor, "T M D"]) -> Float[Tensor, "T M M"]:
    """‖z_l − z_m‖² for each pair of rows."""
    gram_TMM = rows_TMD @ rows_TMD.mT
    square_TM = gram_TMM.diagonal(dim1=1, dim2=2)
    return (square_TM[:, :, None] + square_TM[:, None] - 2 * gram_TMM).clamp(min=0)


def ridge_towards_prior(
    shots_TMD: Float[Tensor, "T M D"],
    targets_TMN: Float[Tensor, "T M N"],
    noise_TM: Float[Tensor, "T M"],
    prior_TND: Float[Tensor, "T N D"],
) -> Float[Tensor, "T N D"]:
    """Class vectors W that minimise Σ_m ‖W z_m − y_m‖² / noise_m + ‖W − prior‖².

    Bayesian linear regression on one-hot targets with the text as prior mean. Solved in whichever
    of D and M is smaller (the two agree by Woodbury's identity), with Cholesky factors. A padded
    shot is a row of zeros with a target of zeros and does not matter. Noise is positive.
    """
    residual_TMN = targets_TMN - shots_TMD @ prior_TND.mT
    if shots_TMD.shape[1] <= shots_TMD.shape[2]:
        factor = torch.linalg.cholesky(shots_TMD @ shots_TMD.mT + torch.diag_embed(noise_TM))
        return prior_TND + torch.cholesky_solve(residual_TMN, factor).mT @ shots_TMD
    weighted_TMD = shots_TMD / noise_TM[..., None]
    identity = torch.eye(shots_TMD.shape[2], dtype=shots_TMD.dtype, device=shots_TMD.device)
    factor = torch.linalg.cholesky(weighted_TMD.mT @ shots_TMD + identity)
    return prior_TND + torch.cholesky_solve(weighted_TMD.mT @ residual_TMN, factor).mT


def kernel_ridge(
    distance_TMM: Float[Tensor, "T M M"],
    present_TM: Bool[Tensor, "T M"],
    residual_TMN: Float[Tensor, "T M N"],
    noise_TM: Float[Tensor, "T M"],
    sharpness_T: Float[Tensor, " T"],
) -> tuple[Float[Tensor, "T M N"], Float[Tensor, "T M M"]]:
    """Values A that minimise Σ_m ‖Σ_l A_l k(z_l, z_m) − y_m‖² / noise_m + tr(Aᵀ K A).

    The posterior mean of a Gaussian process with the kernel k(z, z') = exp(−β ‖z − z'‖² / 2) / β.
    The blunter (β → 0), the closer to a linear kernel. Distances are squared, noise is positive, y
    are labels less what the prior says of them. Rows that are not there get zeros.

    Returns:
        A and the Cholesky factor of K + noise, where a row that is not there has its noise alone.
    """
    beta_T11 = sharpness_T[:, None, None]
    kernel_TMM = (-0.5 * beta_T11 * distance_TMM).exp() / beta_T11
    both_TMM = present_TM[:, :, None] & present_TM[:, None]
    factor_TMM = torch.linalg.cholesky(kernel_TMM * both_TMM + torch.diag_embed(noise_TM))
    wanted_TMN = (residual_TMN * present_TM[..., None]).contiguous()
    return torch.cholesky_solve(wanted_TMN, factor_TMM), factor_TMM


def left_out_residuals(
    values_TMN: Float[Tensor, "T M N"], factor_TMM: Float[Tensor, "T M M"]
) -> Float[Tensor, "T M N"]:
    """What `kernel_ridge` fitted to all other rows leaves of each row's residual.

    In closed form (Rasmussen and Williams 2006, equation 5.12): A_m / [(K + noise)⁻¹]_mm.
    """
    return values_TMN / torch.cholesky_inverse(factor_TMM).diagonal(dim1=1, dim2=2)[..., None]


def _at_places(rows_TXD: Tensor, places_TM: Tensor, present_TM: Tensor) -> Tensor:
    """(T, M, …) the rows at the places; zeros where there is no picture."""
    tasks_T1 = torch.arange(len(places_TM), device=places_TM.device)[:, None]
    return rows_TXD[tasks_T1, places_TM] * present_TM[..., None]


def _factor(correction: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(correction).to(like).exp()
