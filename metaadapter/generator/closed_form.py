"""The constants of the closed form that a generator starts from and corrects."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ClosedForm"]


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """Constants that belong to a generator: to its configuration, its file and its identity.

    The defaults were chosen on training sets alone; docs/closed-form.md has the grids.
    """

    ridge: float = 0.5
    """How far a target may be missed by the kernel ridge, at equal shots."""
    linear_ridge: float = 1.0
    """The same of the linear ridge, for tasks with too many pictures for a kernel."""
    sharpness: float = 0.6
    """β of the kernel exp(−β ‖z − z'‖² / 2) / β."""
    text_trust: float = 0.5
    """Length of the prior vector of a class with pictures, in units of the canonical text."""
    bare_text_trust: float = 3.0
    """The same of a class without a picture, whose text has to reach as far as pictures do."""
    balance: float = 2.0
    """Power of a class's share of shots that its noise grows with, so that it outvotes nobody."""
    scale_at_one_shot: float = 17.6
    """The inverse temperature at one shot."""
    scale_decay: float = 0.18
    """Power of the mean shots that it falls with, for ridge predictions sharpen."""
    weakening: float = 0.45
    """Power of 1 − 1/K by which answers of a class of K shots are too weak without one of them."""
    most_kernel_rows: int = 2048
    """Beyond so many pictures a kernel matrix is too large for a small machine."""
