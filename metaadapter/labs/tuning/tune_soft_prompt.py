"""Learn context vectors before class names from pictures, for classes without pictures.

K. Zhou et al., Learning to Prompt for Vision-Language Models (CoOp), 2022; the closeness to
hand-written texts is from H. Yao et al., Knowledge-guided Context Optimization (KgCoOp), 2023.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.encoding_loop import Progress
from metaadapter.features.towers.config import PromptConfig
from metaadapter.features.towers.prompted_encoder import CONTEXT, SHIFT, START
from metaadapter.features.towers.soft_prompt import PromptedTexts, word_vectors
from metaadapter.labs.tuning.tuning_task import Tuned

# The words whose vectors the context starts from, as in CoOp.
WORDS = "a photo of a"
# More steps fit the pictures better and new names worse: docs/laboratory-notes/prompts.md.
N_STEPS = 10
# Inverse temperatures, of which the best for the hand-written texts is used.
SCALES = tuple(2.0**power for power in range(9))


@dataclass(frozen=True, slots=True)
class SoftPrompt:
    """The settings of learning context vectors."""

    n_context: int = 4
    """The number of vectors before each class name."""
    n_steps: int | None = None
    """The number of gradient steps; 0 keeps the hand-written texts. `None` takes 10 steps if they
    help left-out classes, else no step."""
    lr: float = 0.05
    """The learning rate of Adam, as a fraction of the root mean square of the initial vectors."""
    closeness: float = 1.0
    """The weight of the squared distance between learned and hand-written texts."""

    def __post_init__(self) -> None:
        if self.n_context < 1 or (self.n_steps or 0) < 0:
            raise UsageError(
                "n_context must be at least 1, and n_steps at least 0 or None, got "
                f"n_context {self.n_context}, n_steps {self.n_steps}"
            )
        if not (self.lr > 0 and 0 <= self.closeness < math.inf):
            raise UsageError(
                "lr must be above 0 and closeness at least 0, got "
                f"lr {self.lr}, closeness {self.closeness}"
            )


@dataclass(frozen=True, slots=True)
class LeftOutClasses:
    """The accuracy on classes that are known only by name, with a prompt learned without them."""

    n_pictures: int
    accuracies: dict[int, float]
    """Number of steps → the fraction predicted correctly among classes left out together."""
    log_losses: dict[int, float]
    """Number of steps → the mean negative log-probability of the correct classes."""
    error: float
    """The standard error of the gain in log-probability from the steps."""


TunedPrompt = Tuned[PromptConfig, LeftOutClasses]


def tune_prompt(
    encoder: FrozenEncoder,
    rows: Float[Tensor, "n dim"],
    labels: Int[Tensor, " n"],
    names: Sequence[str],
    settings: SoftPrompt | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
) -> TunedPrompt:
    """Learn the context of class names from labelled pictures.

    The loss is the cross-entropy of the pictures, whose logits are the cosines of centred pictures
    with centred texts: so a predicted adapter uses the names of classes without a picture.

    Args:
        encoder: The encoder of the pictures; it does not change.
        rows: Unit rows of the pictures.
        labels: The classes of the pictures, as positions in `names`.
        names: Readable names of the classes, each of which has a picture.
        settings: The settings of learning; the defaults of `SoftPrompt` if `None`.
        progress: Called after each gradient step.

    Raises:
        UsageError: There are fewer than three classes, or the encoder has no text tower of
            open_clip.
    """
    settings, started = settings or SoftPrompt(), time.monotonic()
    if len(names) < 3:
        raise UsageError(
            f"a prompt is learned from at least three classes that have a name and pictures, got "
            f"{len(names)}"
        )
    learner = _Learner(encoder, rows, labels, names, settings)
    leaves_out = settings.n_steps is None
    total = 3 * N_STEPS if leaves_out else settings.n_steps or 0

    def report(done: int) -> None:
        if progress is not None:
            seconds = max(time.monotonic() - started, 1e-9)
            progress(Progress("tune", done, total, done / seconds))

    left_out, n_steps = None, settings.n_steps or 0
    if leaves_out:
        left_out, n_steps = _leave_out_classes(learner, report)
    tensors: dict[str, Tensor] = {}
    all_classes = torch.arange(len(names), device=learner.labels.device)
    for step, context in enumerate(learner.path(all_classes, n_steps)):
        report(2 * N_STEPS * leaves_out + step)
        if step == n_steps > 0:
            tensors = learner.tensors(context)
    config = PromptConfig(n_context=settings.n_context, n_steps=n_steps) if tensors else None
    seconds = time.monotonic() - started
    return TunedPrompt(tensors, config, left_out, learner.start.numel(), seconds)


@final
class _Learner:
    """Computes the texts of names from the context, and fits the context to pictures."""

    def __init__(
        self,
        encoder: FrozenEncoder,
        rows: Float[Tensor, "n dim"],
        labels: Int[Tensor, " n"],
        names: Sequence[str],
        settings: SoftPrompt,
    ) -> None:
        network, self.settings = encoder.copied_network(), settings
        words = word_vectors(network, encoder.tokenize, WORDS, settings.n_context)
        self._texts = PromptedTexts(network, encoder.tokenize, words)
        device = self._texts.context.device
        self._tokens = self._texts.shorten(self._texts.tokens(names)).to(device)
        self.start = words.to(device)
        # Row i is the direction of the texts' coordinate i in the space of pictures.
        width = self._texts(self._tokens[:1]).shape[1]
        wide = encoder.as_wide_as_pictures(np.eye(width, dtype=np.float32))
        to_texts = torch.from_numpy(wide).T.to(device)
        hand_written = torch.from_numpy(encoder.encode_texts(names)).to(device)
        self._hand_written = normalize(hand_written @ to_texts, dim=-1)
        self._rows, self._to_texts, self.labels = rows.to(device), to_texts, labels.to(device)
        with torch.no_grad():
            self._texts_at_start = self._texts(self._tokens)

    def path(self, classes: Int[Tensor, " m"], n_steps: int) -> Iterator[Tensor]:
        """Yield the context at the start, then after each of `n_steps` steps on these classes."""
        context, settings = self._texts.context, self.settings
        with torch.no_grad():
            context.copy_(self.start)
        yield self.start
        unit = float(self.start.square().mean().sqrt())
        optimizer = torch.optim.Adam([context], lr=settings.lr * unit)
        is_learned = torch.isin(self.labels, classes)
        pictures = self._centred(is_learned)[is_learned]
        own = torch.searchsorted(classes, self.labels[is_learned])
        scale = _best_scale(pictures @ _centred_unit(self._hand_written[classes]).T, own)
        for _ in range(n_steps):
            with torch.enable_grad():
                texts = self._read(classes)
                loss = cross_entropy(scale * pictures @ _centred_unit(texts).T, own)
                apart = (texts - self._hand_written[classes]).square().sum(-1).mean()
                (context.grad,) = torch.autograd.grad(loss + settings.closeness * apart, [context])
            optimizer.step()
            yield context.detach()

    @torch.no_grad()
    def cosines(
        self, shown: Int[Tensor, " m"], among: Int[Tensor, " N"], learned: Int[Tensor, " l"]
    ) -> Float[Tensor, "n N"]:
        """Return cosines of the shown classes' pictures, centred on `learned`, with texts."""
        pictures = self._centred(torch.isin(self.labels, learned))
        return pictures[torch.isin(self.labels, shown)] @ _centred_unit(self._read(among)).T

    @torch.no_grad()
    def tensors(self, context: Tensor) -> dict[str, Tensor]:
        """Return the prompt as tensors for a `PromptedEncoder`."""
        moved = self._texts(self._tokens) - self._texts_at_start
        named = {CONTEXT: context, START: self.start, SHIFT: moved.mean(0)}
        return {name: tensor.detach().cpu().clone() for name, tensor in named.items()}

    def _read(self, classes: Int[Tensor, " m"]) -> Float[Tensor, "m joint_dim"]:
        moved = self._texts(self._tokens[classes]) - self._texts_at_start[classes]
        return normalize(self._hand_written[classes] + moved, dim=-1)

    def _centred(self, counts: Tensor) -> Float[Tensor, "n joint_dim"]:
        """Return all pictures minus the mean of those that `counts` marks, in texts' space."""
        has_texts = self._to_texts.any(1)
        centred = (self._rows - self._rows[counts].mean(0)) * has_texts
        return normalize(centred, dim=-1) @ self._to_texts


def _leave_out_classes(
    learner: _Learner, report: Callable[[int], object]
) -> tuple[LeftOutClasses, int]:
    """Learn without each half of the classes, predict its pictures, and choose the n_steps.

    A prediction is one of the classes in the half, or one of all classes if the half has only one.
    Steps are taken if their gain in log loss is above one standard error.
    """
    numbers = torch.arange(int(learner.labels.max()) + 1, device=learner.labels.device)
    losses: dict[int, list[Tensor]] = {step: [] for step in (0, N_STEPS)}
    correct: dict[int, list[Tensor]] = {step: [] for step in losses}
    for half in range(2):
        left_out, learned = (numbers[first::2].contiguous() for first in (half, 1 - half))
        among = left_out if len(left_out) > 1 else numbers
        labels = learner.labels[torch.isin(learner.labels, left_out)]
        own, scale = torch.searchsorted(among, labels), None
        for step, _ in enumerate(learner.path(learned, N_STEPS)):
            report(half * N_STEPS + step)
            if step not in losses:
                continue
            cosines = learner.cosines(left_out, among, learned)
            scale = scale or _best_scale(cosines, own)
            losses[step].append(cross_entropy(scale * cosines, own, reduction="none").cpu())
            correct[step].append((cosines.argmax(1) == own).cpu())
    before, after = (torch.cat(losses[step]).double() for step in losses)
    gains = before - after
    gain, error = float(gains.mean()), float(gains.std()) / math.sqrt(len(gains))
    result = LeftOutClasses(
        len(gains),
        {step: float(torch.cat(correct[step]).double().mean()) for step in losses},
        {0: float(before.mean()), N_STEPS: float(after.mean())},
        error,
    )
    return result, N_STEPS if gain > error else 0


def _best_scale(cosines: Float[Tensor, "n N"], own: Int[Tensor, " n"]) -> float:
    return min(SCALES, key=lambda scale: float(cross_entropy(scale * cosines, own)))


def _centred_unit(texts: Float[Tensor, "n joint_dim"]) -> Float[Tensor, "n joint_dim"]:
    return normalize(texts - texts.mean(0), dim=-1)
