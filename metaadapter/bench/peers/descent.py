"""Peers that are trained by gradient descent, on many independent tasks at once.

TaskRes (Yu et al., 2023), CLIP-Adapter (Gao et al., 2021), the cross-modal linear probe (Lin et
al., 2023), ZS-LP and CLAP (Silva-Rodríguez et al., 2024), and RLA (Fahes et al., 2024), the
black-box form of ProLIP. A peer's docstring has its settings and its departures from its authors'.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights
from metaadapter.files.progress import counted

# The authors' scale of the residual of TaskRes.
RESIDUAL_SCALE = 0.5
# The authors' residual ratio of CLIP-Adapter, and the reduction of its bottleneck.
RATIO, REDUCTION = 0.2, 4
SEED = 0


def descend(
    loss_T: Callable[[], Float[Tensor, " T"] | Iterable[Float[Tensor, " T"]]],
    optimizer: torch.optim.Optimizer,
    n_steps: int,
    *,
    cosine: bool = False,
) -> None:
    """Take `n_steps` full-batch steps, which change the optimizer's tensors in place.

    The loss is the sum of the tasks' losses. If `loss_T` yields the losses of several parts of the
    pictures, they are summed as well, and only one part needs memory at a time. Each task has
    weights of its own, and SGD and Adam work element by element, so the result is the same as if
    each task were trained by itself. With `cosine`, the learning rate falls to zero along a cosine.
    """
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps) if cosine else None
    with torch.enable_grad():
        for _ in counted(n_steps):
            optimizer.zero_grad()
            losses = loss_T()
            for part_T in (losses,) if isinstance(losses, Tensor) else losses:
                part_T.sum().backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()


def cross_entropy_T(
    support: Support, logits_TRN: Float[Tensor, "T R N"], rows: slice = slice(None)
) -> Float[Tensor, " T"]:
    """Return the mean cross-entropy of logits of the pictures; 0 without any picture.

    If the logits are those of some `rows` of the M places, return their share of the mean.
    """
    # A finite value in place of −∞ keeps 0 · −∞ out of the sum.
    logits_TRN = logits_TRN.masked_fill(~support.class_mask_TN[:, None], -1e9)
    own_TR, present_TR = support.own_and_present(rows)
    own_TR = logits_TRN.log_softmax(-1).gather(-1, own_TR[..., None])[..., 0]
    return -(own_TR * present_TR).sum(1) / support.n_pictures_T


def head_behind_adapter(
    support: Support,
    classes_TND: Float[Tensor, "T N D"],
    down_TRD: Float[Tensor, "T R D"],
    up_TDR: Float[Tensor, "T D R"],
    visual_ratio: float,
) -> AdapterWeights:
    """Return heads behind a visual adapter, normalise(x + visual_ratio · up ReLU(down x))."""
    n_tasks, n_hidden, width = down_TRD.shape
    return support.head(
        classes_TND,
        centre=classes_TND.new_zeros(n_tasks, width),
        down=down_TRD.detach(),
        bias=classes_TND.new_zeros(n_tasks, n_hidden),
        up=up_TDR.detach(),
        visual_ratio=classes_TND.new_full((n_tasks,), visual_ratio),
    )


def task_res(support: Support) -> AdapterWeights:
    """Return adapters: logits s · cos(x, t_c + 0.5 r_c); Adam trains the residual r from zero.

    Settings: a = 0.5, Adam 2e-3, 200 steps. Departures: the authors set a per set and start from
    enhanced texts.
    """
    start_TND, rows_TMD = support.start_TND, support.rows_TMD
    residual_TND = torch.zeros_like(start_TND).requires_grad_()

    def loss_T() -> torch.Tensor:
        classes_TND = normalize(start_TND + RESIDUAL_SCALE * residual_TND, dim=-1)
        return cross_entropy_T(support, support.scale_T11 * rows_TMD @ classes_TND.mT)

    descend(loss_T, torch.optim.Adam([residual_TND], lr=2e-3), 200)
    trained_TND = start_TND + RESIDUAL_SCALE * residual_TND.detach()
    return support.head(normalize(trained_TND, dim=-1))


def clip_adapter(support: Support, *, start: AdapterWeights | None = None) -> AdapterWeights:
    """Return adapters: logits s · x' · t_c with x' = normalise(r · W₂ ReLU(W₁ x) + (1 − r) · x).

    Unlike in the original, W₂ starts at zero and no ReLU follows it, so that training starts from
    zero-shot CLIP and `AdapterWeights` can hold the result. W₁ starts alike in all tasks. `start`
    is an earlier result of this function for T tasks of other classes, from which training goes on.

    Settings: r = 0.2, D → D/4 → D, Adam 1e-3, 200 steps. Departures: W₂ starts at zero, without
    ReLU.
    """
    rows_TMD, text_TND, width = support.rows_TMD, support.text_TND, support.text_TND.shape[-1]
    draw = torch.Generator().manual_seed(SEED)
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
        return cross_entropy_T(support, support.scale_T11 * adapted_TMD @ text_TND.mT)

    descend(loss_T, torch.optim.Adam([down_TRD, up_TDR], lr=1e-3), 200)
    return head_behind_adapter(support, text_TND, down_TRD, up_TDR, ratio)


def cross_modal_probe(support: Support) -> AdapterWeights:
    """Return adapters: logits s · x · w_c, w trained from the texts by AdamW along a cosine.

    Half of the loss is the mean cross-entropy of the pictures, the other half that of the texts.

    Settings: AdamW 1e-3, decay 0.01, cosine, 300 steps; a text is one sample, pictures and texts
    have equal shares of the loss. Departures: the authors search on validation pictures and stop
    early.
    """
    rows_TMD, text_TND = support.rows_TMD, support.text_TND
    classes_TND = support.start_TND.clone().requires_grad_()
    named_TN = text_TND.any(-1) & support.class_mask_TN
    n_named_T = named_TN.sum(-1).clamp(min=1)
    ruled_out_T1N = ~support.class_mask_TN[:, None]

    def loss_T() -> torch.Tensor:
        pictures_T = cross_entropy_T(support, support.scale_T11 * rows_TMD @ classes_TND.mT)
        logits_TNN = support.scale_T11 * text_TND @ classes_TND.mT
        log_TNN = logits_TNN.masked_fill(ruled_out_T1N, -1e9).log_softmax(-1)
        own_TN = log_TNN.diagonal(dim1=-2, dim2=-1) * named_TN
        return 0.5 * (pictures_T - own_TN.sum(-1) / n_named_T)

    optimizer = torch.optim.AdamW([classes_TND], lr=1e-3, weight_decay=1e-2)
    descend(loss_T, optimizer, 300, cosine=True)
    return support.head(classes_TND.detach())


def zs_lp(support: Support) -> AdapterWeights:
    """Return adapters: logits s · cos(x, w_c), w trained from the texts by SGD along a cosine.

    Settings: SGD 0.1, momentum 0.9, cosine, 300 steps: their recipe. Departures: no warm-up; texts
    have length 1.
    """
    return _probe_from_texts(support, torch.zeros_like(support.text_TND[..., 0]))


def clap(support: Support) -> AdapterWeights:
    """Return adapters as `zs_lp`, trained with the penalty mean_c λ_c ‖w_c − t_c‖².

    The penalty keeps good texts: λ_c is the mean probability that zero-shot CLIP gives class c for
    the pictures of c. It is 1 without a picture, which could contradict the text, 0 without a text.

    Settings: as `zs_lp`, with these λ_c.
    """
    return _probe_from_texts(
        support, _text_trust(support) / support.class_mask_TN.sum(-1, keepdim=True)
    )


def _probe_from_texts(support: Support, penalty_TN: Tensor) -> AdapterWeights:
    """Return the trained probe; the penalty is on each class's squared distance from its start."""
    rows_TMD, start_TND = support.rows_TMD, support.start_TND
    classes_TND = start_TND.clone().requires_grad_()

    def loss_T() -> torch.Tensor:
        logits_TMN = support.scale_T11 * rows_TMD @ normalize(classes_TND, dim=-1).mT
        moved_TN = (classes_TND - start_TND).square().sum(-1)
        return cross_entropy_T(support, logits_TMN) + (penalty_TN * moved_TN).sum(-1)

    optimizer = torch.optim.SGD([classes_TND], lr=0.1, momentum=0.9)
    descend(loss_T, optimizer, 300, cosine=True)
    return support.head(normalize(classes_TND.detach(), dim=-1))


def _text_trust(support: Support) -> Float[Tensor, "T N"]:
    """Return λ_c, 0 for an absent class. A class without a text is not part of the softmax."""
    named_TN = support.text_TND.any(-1) & support.class_mask_TN
    logits_TMN = support.scale_T11 * support.rows_TMD @ support.text_TND.mT
    # A finite mask avoids 0 / 0 in a task without any text.
    p_TMN = logits_TMN.masked_fill(~named_TN[:, None], -1e9).softmax(-1)
    n_TN = support.present_TNK.sum(-1)
    own_TN = (p_TMN * support.targets_TMN).sum(1) / n_TN.clamp(min=1)
    return own_TN.masked_fill(n_TN == 0, 1.0) * named_TN


def rla(support: Support) -> AdapterWeights:
    """Return adapters with logits s · cos(A x, t_c).

    Adam trains A from I with the penalty ‖A − I‖² / n, n the mean number of shots. The bottleneck
    of the adapter holds A in 2 D units, because ReLU(z) − ReLU(−z) = z.

    Settings: Adam 1e-3, the middle of their range; 100 steps. Departures: the authors take 300
    steps, one per view.
    """
    n_tasks, _, width = support.text_TND.shape
    rows_TMD, classes_TND = support.rows_TMD, support.start_TND
    change_TDD = classes_TND.new_zeros(n_tasks, width, width).requires_grad_()
    anchor_T = 1 / support.n_shot_T

    def loss_T() -> torch.Tensor:
        adapted_TMD = normalize(rows_TMD + rows_TMD @ change_TDD.mT, dim=-1)
        fit_T = cross_entropy_T(support, support.scale_T11 * adapted_TMD @ classes_TND.mT)
        return fit_T + anchor_T * change_TDD.square().sum((1, 2))

    # The middle of the authors' range of learning rates, 1e-5 to 1e-2; with the penalty the rate
    # matters little. They take 300 steps, one for each view; with one view 100 are as accurate.
    descend(loss_T, torch.optim.Adam([change_TDD], lr=1e-3), 100)
    both_signs_RD = torch.cat([torch.eye(width), -torch.eye(width)]).to(classes_TND)
    down_TRD = both_signs_RD.expand(n_tasks, -1, -1)
    up_TDR = torch.cat([change_TDD, -change_TDD], dim=-1)
    return head_behind_adapter(support, classes_TND, down_TRD, up_TDR, 1.0)
