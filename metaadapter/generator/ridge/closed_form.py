"""The constants of the closed form, the formula that an untrained generator computes."""

from __future__ import annotations

from dataclasses import asdict, dataclass

# Beyond these values a solution cannot be computed.
SMALLEST, LARGEST = 1e-6, 1e6
MAY_BE_ZERO = (
    *("bare_text_trust", "large_class_weight", "scale_decay"),
    *("growth_by_fit", "trust_decay", "decay_by_fit", "weakening"),
    "most_rows",
)


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The constants of the closed form, which a generator's network corrects.

    They belong to a generator's configuration, file and identity. The defaults were chosen on
    training sets only; docs/laboratory-notes/closed-form.md has the grids.

    Raises:
        ValueError: A constant is outside 1e-6 to 1e6 (some constants may also be 0).
    """

    ridge: float = 1.4
    """The noise of a picture where all classes have equally many shots."""
    ridge_alone: float = 0.5
    """The noise is multiplied by this where a network corrects nothing, since tasks have too many
    classes or too uneven shots for it; a trained network usually lowers the noise as much."""
    text_trust: float = 0.5
    """The length of the prior vector of a class with pictures, in units of its canonical text,
    where nothing tells how well the texts explain the pictures."""
    evidence_of_prior: float = 10.0
    """The freedom of the evidence (`TextEvidence`) that counts as much as `text_trust`."""
    part_of_slope: float = 0.23
    """The text trust divided by the slope, at one shot, of texts whose fit is 0."""
    growth_by_fit: float = 2.4
    """This part is multiplied by exp(this · fit)."""
    trust_decay: float = 0.3
    """This part is divided by the usual shots to this power."""
    bare_text_trust: float = 3.0
    """The same as `text_trust` for a class without a picture, which only the text can match."""
    bare_part_of_slope: float = 1.2
    """The text trust of such a class divided by the slope."""
    large_class_weight: float = 0.6
    """The weight of a class with very many pictures, in units of the weight of a class whose shots
    equal the harmonic mean of all classes. With 1, large classes outvote the others."""
    scale_at_one_shot: float = 17.6
    """The inverse temperature at one shot."""
    decay_by_fit: float = 0.6
    """The inverse temperature is divided by exp(this · fit)."""
    scale_decay: float = 0.18
    """The inverse temperature is divided by the mean shots to this power, because ridge predictions
    become sharper with more pictures."""
    intercept: float = 2.0
    """The prior variance of a bias of each class for predictions of left-out pictures. Pictures are
    centred with these, so that without a bias the others would tell where they were."""
    left_out_noise: float = 0.8
    """The noise with which left-out pictures are predicted, in units of the ridge's noise."""
    weakening: float = 0.45
    """Left-out scores are multiplied by 1 − 1/K to this power, since a class lacks 1 of K shots."""
    most_rows: int = 2048
    """The most pictures in a matrix of their inner products; a larger one does not fit a small
    machine, so the matrix of the feature space takes its place."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            least = 0 if name in MAY_BE_ZERO else SMALLEST
            most = 1 if name == "large_class_weight" else LARGEST
            if not least <= value <= most:
                raise ValueError(f"{name} must be from {least:g} to {most:g}, got {value}")
