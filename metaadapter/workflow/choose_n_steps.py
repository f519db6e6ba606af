"""Predict an adapter and refine it by a number of steps chosen on left-out pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.files.progress import counted
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.workflow.gradient_steps import (
    MOVED,
    FineTune,
    gradient_steps,
    own_log_probability,
)

# The numbers of steps, one of which is chosen on left-out pictures.
CHECKED = (5, 10, 20, 40, 80)
# The shots of each class are divided into this many folds, which are left out in turn.
N_FOLDS = 4


@dataclass(frozen=True, slots=True)
class FineTuned:
    """The refined adapters of T tasks, and the number of steps that each task took."""

    weights: AdapterWeights
    n_steps_T: Int[Tensor, " T"]
    """0 for a task that keeps its prediction."""


def fine_tune(
    generator: AdapterGenerator, support: Support, settings: FineTune | None = None
) -> FineTuned:
    """Predict adapters of T tasks and refine them by gradient steps on their support.

    Without a pool, the number of steps is chosen on the support: the shots of each class are
    divided into folds, an adapter is predicted and refined without each fold, and the number of
    steps with the least cross-entropy on the left-out pictures is taken, if its gain is above one
    standard error of the gain (Breiman's rule). A task keeps its prediction if no class has two
    pictures, if its steps end in numbers that are not finite, or if it has a pool: with a pool, no
    steps gained accuracy reliably (docs/explanation/gradient-steps.md). `settings.n_steps` can
    force steps.

    Args:
        generator: The generator that predicts the start.
        support: The tasks.
        settings: The settings of the steps; the defaults of `FineTune` if `None`.

    Raises:
        UsageError: The support has no temperature, and these tasks need one.
    """
    settings = settings or FineTune()

    def path(kept: Support, steps: Sequence[int]) -> list[AdapterWeights]:
        """Return the prediction from the kept pictures, then the adapter after each of `steps`."""
        start = generator.predict(kept)
        learned = generator.in_domain_of_pool(kept)
        # The numbers come first, so that no step is taken after the last of them.
        taken = zip(
            counted(max(steps, default=0)), gradient_steps(start, learned, settings), strict=False
        )
        after = {number: weights for number, weights in taken if number in steps}
        return [start, *(after[number] for number in steps)]

    steps: tuple[int, ...] = CHECKED
    if settings.n_steps is not None:
        steps = (settings.n_steps,) if settings.n_steps else ()
        wanted_T = len(steps) * support.present_TNK.flatten(1).any(-1)
    else:
        wanted_T = _choose(*_left_out_losses(path, support))
        steps = CHECKED[: max(wanted_T.tolist(), default=0)]
    return _at(path(support, steps), steps, wanted_T)


def fine_tune_adapter(
    generator: AdapterGenerator, support: Support, settings: FineTune | None = None
) -> tuple[AdapterWeights, int]:
    """Refine the adapter of a single task; return it without a task axis, and its n_steps."""
    tuned = fine_tune(generator, support.to(device=generator.device).exact, settings)
    return tuned.weights.task(0).to(device="cpu", dtype=torch.float64), int(tuned.n_steps_T[0])


def _left_out_losses(
    path: Callable[[Support, Sequence[int]], list[AdapterWeights]], support: Support
) -> tuple[Float[Tensor, "S T X"], Bool[Tensor, "T X"]]:
    """Return the cross-entropy of left-out pictures after 0 and `CHECKED` steps, and a mask.

    No picture of a task with a pool is left out.
    """
    mask_TNK = support.present_TNK
    several_TN1 = mask_TNK.sum(-1, keepdim=True) > 1
    if support.pool_mask_TU is not None:
        several_TN1 = several_TN1 & ~support.pool_mask_TU.any(-1)[:, None, None]
    fold_TNK = (mask_TNK.cumsum(-1) - 1) % N_FOLDS
    losses_STNK = support.text_TND.new_zeros(len(CHECKED) + 1, *mask_TNK.shape)
    for fold in range(min(N_FOLDS, mask_TNK.shape[-1])):
        left_TNK = mask_TNK & several_TN1 & (fold_TNK == fold)
        if not left_TNK.any():
            continue
        for number, weights in enumerate(path(support.kept(~left_TNK), CHECKED)):
            loss_TNK = -own_log_probability(weights, support)
            losses_STNK[number] = torch.where(left_TNK, loss_TNK, losses_STNK[number])
    return losses_STNK.flatten(2), (mask_TNK & several_TN1).flatten(1)


def _choose(losses_STX: Tensor, counts_TX: Tensor) -> Int[Tensor, " T"]:
    """Choose each task's number of steps; return its place in (0, *CHECKED)."""
    n_T = counts_TX.sum(-1).clamp(min=1)
    gains_STX = torch.where(counts_TX, losses_STX[:1] - losses_STX, 0.0)
    gains_ST = (gains_STX.sum(-1) / n_T).nan_to_num(-torch.inf, posinf=-torch.inf)
    best_T = gains_ST.argmax(0)
    gain_T = gains_ST.amax(0)
    best_TX = gains_STX.gather(0, best_T[None, :, None].expand(1, *counts_TX.shape))[0]
    spread_T = torch.where(counts_TX, (best_TX - gain_T[:, None]).square(), 0.0).sum(-1)
    error_T = (spread_T / (n_T - 1).clamp(min=1) / n_T).sqrt()
    return torch.where((gain_T > error_T) & (n_T > 1), best_T, 0)


def _at(path: Sequence[AdapterWeights], steps: Sequence[int], place_T: Tensor) -> FineTuned:
    """Take each task's adapter at its place on the path, or the start if that is not finite."""
    start, tasks_T = path[0], torch.arange(len(place_T), device=place_T.device)
    finite_STN = torch.stack(
        [
            weights.classes.isfinite().all(-1)
            & (weights.class_bias.isfinite() | ~start.class_bias.isfinite())
            for weights in path
        ]
    )
    place_T = torch.where(finite_STN[place_T, tasks_T].all(-1), place_T, 0)
    chosen = {
        name: torch.stack([getattr(weights, name) for weights in path])[place_T, tasks_T]
        for name in MOVED
    }
    return FineTuned(replace(start, **chosen), place_T.new_tensor((0, *steps))[place_T])
