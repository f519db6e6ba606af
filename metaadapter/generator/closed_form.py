"""The constants of the closed form that a generator starts from and corrects."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ClosedForm"]


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """The constants of a generator's closed form, part of its configuration, file and identity.

    The defaults were chosen on training sets alone; docs/closed-form.md has the grids.
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
