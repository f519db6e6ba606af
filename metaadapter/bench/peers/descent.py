"""Published heads that gradient descent trains, for many independent tasks at once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights

# TaskRes and MAML: the scale of the residual of class vectors.
RESIDUAL_SCALE = 0.5
# CLIP-Adapter: residual ratio, reduction of the bottleneck, steps.
RATIO, REDUCTION, CLIP_ADAPTER_STEPS = 0.2, 4, 200


def descend(
    loss_T: Callable[[], Float[Tensor, " T"]],
    optimizer: torch.optim.Optimizer,
    n_steps: int,
    *,
    cosine: bool = False,
) -> None:
    """Change the optimizer's tensors in place by full-batch steps, and keep the last state.

    The sum of the tasks' losses gives each task its own gradient, and SGD and Adam work element by
    element, so the result is the same as for each task alone. With `cosine` the learning rate falls
    to zero along a cosine.
    """
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps) if cosine else None
    with torch.enable_grad():
        for _ in range(n_steps):
            optimizer.zero_grad()
            loss_T().sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if schedule is not None:
                schedule.step()


def zs_lp(support: Support) -> AdapterWeights:
    """ZS-LP (Silva-Rodríguez et al., 2024): logits s · cos(x, w_c), w trained from the texts.

    300 steps of SGD (learning rate 0.1, momentum 0.9, cosine), as the authors take for all tasks.
    """
    return _probe(support, torch.zeros_like(support.text_TND[..., 0]))


def clap(support: Support) -> AdapterWeights:
    """CLAP (Silva-Rodríguez et al., 2024): ZS-LP with the penalty mean_c λ_c ‖w_c − t_c‖².

    λ_c is fixed: the mean probability that zero-shot CLIP gives class c on its own pictures. It is
    1 for a class without a picture, because nothing contradicts its text, and 0 for a class without
    a text.
    """
    return _probe(support, _text_trust(support) / support.class_mask_TN.sum(-1, keepdim=True))


def _probe(support: Support, penalty_TN: Tensor) -> AdapterWeights:
    rows_TMD, start_TND = support.rows_TMD, support.start_TND
    classes_TND = start_TND.clone().requires_grad_()

    def loss_T() -> torch.Tensor:
        logits_TMN = support.scale_T11 * rows_TMD @ normalize(classes_TND, dim=-1).mT
        moved_TN = (classes_TND - start_TND).square().sum(-1)
        return support.cross_entropy_T(logits_TMN) + (penalty_TN * moved_TN).sum(-1)

    optimizer = torch.optim.SGD([classes_TND], lr=0.1, momentum=0.9)
    descend(loss_T, optimizer, 300, cosine=True)
    return support.head(normalize(classes_TND.detach(), dim=-1))


def _text_trust(support: Support) -> Float[Tensor, "T N"]:
    """λ_c; 0 for an absent class. A class without a text is not part of the softmax."""
    named_TN = support.text_TND.any(-1) & support.class_mask_TN
    logits_TMN = support.scale_T11 * support.rows_TMD @ support.text_TND.mT
    # A finite mask avoids 0 / 0 in a task without any text.
    p_TMN = logits_TMN.masked_fill(~named_TN[:, None], -1e9).softmax(-1)
    n_TN = support.present_TNK.sum(-1)
    own_TN = (p_TMN * support.targets_TMN).sum(1) / n_TN.clamp(min=1)
    return own_TN.masked_fill(n_TN == 0, 1.0) * named_TN


def cross_modal_probe(support: Support) -> AdapterWeights:
    """Cross-modal linear probe (Lin et al., 2023): logits s · x · w_c, w trained from the texts.

    Half of the loss is the mean cross-entropy of the pictures, half that of the texts. 300 steps of
    AdamW with a cosine; the learning rate 1e-3 and weight decay 1e-2 are from the authors' grid.
    """
    rows_TMD, text_TND = support.rows_TMD, support.text_TND
    classes_TND = support.start_TND.clone().requires_grad_()
    named_TN = text_TND.any(-1) & support.class_mask_TN
    n_named_T = named_TN.sum(-1).clamp(min=1)
    ruled_out_T1N = ~support.class_mask_TN[:, None]

    def loss_T() -> torch.Tensor:
        pictures_T = support.cross_entropy_T(support.scale_T11 * rows_TMD @ classes_TND.mT)
        logits_TNN = support.scale_T11 * text_TND @ classes_TND.mT
        log_TNN = logits_TNN.masked_fill(ruled_out_T1N, -1e9).log_softmax(-1)
        own_TN = log_TNN.diagonal(dim1=-2, dim2=-1) * named_TN
        return 0.5 * (pictures_T - own_TN.sum(-1) / n_named_T)

    optimizer = torch.optim.AdamW([classes_TND], lr=1e-3, weight_decay=1e-2)
    descend(loss_T, optimizer, 300, cosine=True)
    return support.head(classes_TND.detach())


def task_res(support: Support) -> AdapterWeights:
    """TaskRes (Yu et al., 2023): logits s · cos(x, t_c + ½ r_c), r trained from zero.

    200 steps of Adam with the authors' learning rate 2e-3 and scale ½.
    """
    start_TND, rows_TMD = support.start_TND, support.rows_TMD
    residual_TND = torch.zeros_like(start_TND).requires_grad_()

    def loss_T() -> torch.Tensor:
        classes_TND = normalize(start_TND + RESIDUAL_SCALE * residual_TND, dim=-1)
        return support.cross_entropy_T(support.scale_T11 * rows_TMD @ classes_TND.mT)

    descend(loss_T, torch.optim.Adam([residual_TND], lr=2e-3), 200)
    trained_TND = start_TND + RESIDUAL_SCALE * residual_TND.detach()
    return support.head(normalize(trained_TND, dim=-1))


def clip_adapter(support: Support, *, start: AdapterWeights | None = None) -> AdapterWeights:
    """CLIP-Adapter (Gao et al., 2021): logits s · x' · t_c, x' = normalise(x + r / (1 − r) · y).

    y = W₂ ReLU(W₁ x), r = 0.2, with a quarter of the width between; 200 steps of Adam at 1e-3.

    Unlike the original, W₂ starts at zero and has no ReLU after it: training starts at zero-shot
    CLIP and the result is an `AdapterWeights`. W₁ has the same start in all tasks. With `start`,
    the result of this function for as many tasks of other classes, training continues from there.
    """
    rows_TMD, text_TND, width = support.rows_TMD, support.text_TND, support.text_TND.shape[-1]
    draw = torch.Generator().manual_seed(0)
    # Uniform in ±1/√D, as in `torch.nn.Linear`.
    down_RD = (2 * torch.rand(width // REDUCTION, width, generator=draw) - 1) / width**0.5
    down_TRD = down_RD.to(text_TND).repeat(support.n_tasks, 1, 1).requires_grad_()
    up_TDR = torch.zeros_like(down_TRD.mT).requires_grad_()
    if start is not None and start.down is not None and start.up is not None:
        down_TRD, up_TDR = (weights.clone().requires_grad_() for weights in (start.down, start.up))
    ratio = RATIO / (1 - RATIO)

    def loss_T() -> torch.Tensor:
        moved_TMD = (rows_TMD @ down_TRD.mT).relu() @ up_TDR.mT
        adapted_TMD = normalize(rows_TMD + ratio * moved_TMD, dim=-1)
        return support.cross_entropy_T(support.scale_T11 * adapted_TMD @ text_TND.mT)

    descend(loss_T, torch.optim.Adam([down_TRD, up_TDR], lr=1e-3), CLIP_ADAPTER_STEPS)
    return support.head_behind_adapter(text_TND, down_TRD, up_TDR, ratio)


def rla(support: Support) -> AdapterWeights:
    """RLA (Fahes et al., 2024), ProLIP's black-box form: logits s · cos(A x, t_c).

    A is trained by Adam from I under the penalty ‖A − I‖² / n. The learning rate 1e-3 is the middle
    of the authors' range and matters little. They take 300 steps, one for each view; with one view
    100 are as accurate.

    n is the mean number of shots. Because ReLU(z) − ReLU(−z) = z, A is a bottleneck of 2 D units
    and keeps the length of A x.
    """
    n_tasks, _, width = support.text_TND.shape
    rows_TMD, classes_TND = support.rows_TMD, support.start_TND
    change_TDD = classes_TND.new_zeros(n_tasks, width, width).requires_grad_()
    anchor_T = 1 / support.n_shot_T

    def loss_T() -> torch.Tensor:
        adapted_TMD = normalize(rows_TMD + rows_TMD @ change_TDD.mT, dim=-1)
        fit_T = support.cross_entropy_T(support.scale_T11 * adapted_TMD @ classes_TND.mT)
        return fit_T + anchor_T * change_TDD.square().sum((1, 2))

    descend(loss_T, torch.optim.Adam([change_TDD], lr=1e-3), 100)
    both_signs_RD = torch.cat([torch.eye(width), -torch.eye(width)]).to(classes_TND)
    down_TRD = both_signs_RD.expand(n_tasks, -1, -1)
    up_TDR = torch.cat([change_TDD, -change_TDD], dim=-1)
    return support.head_behind_adapter(classes_TND, down_TRD, up_TDR, 1.0)
