"""A learned prompt: vectors in place of the words before the names of classes without a picture.

K. Zhou et al., Learning to Prompt for Vision-Language Models (CoOp), 2022; the closeness to
hand-written texts is from H. Yao et al., Knowledge-guided Context Optimization (KgCoOp), 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from metaadapter.data.progress import counted, one_of_several
from metaadapter.errors import UsageError
from metaadapter.features.encoder import FrozenEncoder

# The words whose vectors the context starts from, as in CoOp. They follow the start of a sentence.
WORDS, PLACES = "a photo of a", slice(1, 5)
# More steps fit the pictures better and new names worse: docs/laboratory-notes/prompts.md.
N_STEPS = 10
# The learning rate of Adam, as a fraction of the root mean square of the initial vectors.
LEARNING_RATE = 0.05
# The weight of the squared distance between learned and hand-written texts.
CLOSENESS = 1.0
# Inverse temperatures, of which the best for the hand-written texts is used.
SCALES = tuple(2.0**power for power in range(9))


def prompted_texts(
    encoder: FrozenEncoder,
    rows: Float[Tensor, "n D"],
    labels: Int[Tensor, " n"],
    names: Sequence[str],
    asked: Sequence[str],
) -> Float[Tensor, "asked D"] | None:
    """Read the asked names in a context that is learned from pictures of the known names.

    The text of a name is its text from the templates, plus the change that learning makes, minus
    the mean change of the known names. Return None if the steps do not gain more than a standard
    error in log loss on the classes that are left out of them, or if there are fewer than three.
    """
    if len(names) < 3:
        return None
    prompt = LearnedPrompt(encoder, rows, labels, names)
    numbers, gains = torch.arange(len(names)), []
    for half in range(2):
        left_out, learned = (numbers[first::2].contiguous() for first in (half, 1 - half))
        with one_of_several(half, 3):
            prompt.learn(learned)
        gains.append(prompt.gains(left_out, learned))
    gain = torch.cat(gains).double()
    if gain.mean() <= gain.std() / len(gain) ** 0.5:
        return None
    with one_of_several(2, 3):
        prompt.learn(numbers)
    with torch.no_grad():
        change = prompt.change(asked) - prompt.change(names).mean(0)
    return normalize(torch.from_numpy(encoder.encode_texts(asked)) + change, dim=-1)


@final
class LearnedPrompt:
    """The context of n names, learned from pictures of some of them.

    The loss is the cross-entropy of the pictures, whose logits are the cosines of centred pictures
    with centred texts: so a predicted adapter uses the names of classes without a picture.
    """

    def __init__(
        self,
        encoder: FrozenEncoder,
        rows: Float[Tensor, "n D"],
        labels: Int[Tensor, " n"],
        names: Sequence[str],
    ) -> None:
        self._network: Any = encoder.copied_network()
        table = getattr(getattr(self._network, "text", self._network), "token_embedding", None)
        if not isinstance(table, torch.nn.Embedding):
            raise UsageError(
                "a soft prompt needs a text tower of open_clip, which looks up a vector for each "
                f"token, but {encoder.name} has none; leave soft prompt out of --methods"
            )
        self._tokenize, self._names, self._labels = encoder.tokenize, names, labels
        self._rows, self._texts = rows, torch.from_numpy(encoder.encode_texts(names))
        self._start = table.weight[encoder.tokenize([WORDS])[0, PLACES]].detach().float().clone()
        self.context = self._start.clone().requires_grad_()
        table.register_forward_hook(self._put_in)
        # Row i is the direction of the texts' coordinate i in the space of pictures.
        width = self._read(names[:1]).shape[1]
        self._wide = torch.from_numpy(encoder.as_wide_as_pictures(np.eye(width, dtype=np.float32)))

    def change(self, names: Sequence[str]) -> Float[Tensor, "m D"]:
        """Return how far the context has moved the texts of names, with gradients."""
        learned = self.context
        with torch.no_grad():
            self.context = self._start
            before = self._read(names)
        self.context = learned
        return (self._read(names) - before) @ self._wide

    def texts(self, classes: Int[Tensor, " m"]) -> Float[Tensor, "m D"]:
        """Return the texts of some of the names in the current context, with gradients."""
        return normalize(self._texts[classes] + self.change(self._named(classes)), dim=-1)

    def learn(self, classes: Int[Tensor, " m"]) -> None:
        """Start again, and take `N_STEPS` steps on the pictures of these classes."""
        self.context = self._start.clone().requires_grad_()
        unit = float(self._start.square().mean().sqrt())
        optimizer = torch.optim.Adam([self.context], lr=LEARNING_RATE * unit)
        pictures, own = self._pictures(classes, classes)
        hand_written = self._texts[classes]
        scale = _best_scale(pictures @ _centred(hand_written).T, own)
        for _ in counted(N_STEPS):
            with torch.enable_grad():
                texts = self.texts(classes)
                loss = cross_entropy(scale * pictures @ _centred(texts).T, own)
                apart = (texts - hand_written).square().sum(-1).mean()
                (gradient,) = torch.autograd.grad(loss + CLOSENESS * apart, [self.context])
            self.context.grad = gradient
            optimizer.step()

    @torch.no_grad()
    def gains(
        self, left_out: Int[Tensor, " l"], learned: Int[Tensor, " m"]
    ) -> Float[Tensor, " pictures"]:
        """Return the gain in log-probability of each picture of the classes that were left out.

        A prediction is one of these classes, or one of all if only one was left out.
        """
        among = left_out if len(left_out) > 1 else torch.arange(len(self._names))
        pictures, labels = self._pictures(left_out, learned)
        own = torch.searchsorted(among, left_out[labels])
        before, after = (
            pictures @ _centred(texts).T for texts in (self._texts[among], self.texts(among))
        )
        scale = _best_scale(before, own)
        losses = [cross_entropy(scale * rows, own, reduction="none") for rows in (before, after)]
        return losses[0] - losses[1]

    def _named(self, classes: Int[Tensor, " m"]) -> list[str]:
        return [self._names[number] for number in classes.tolist()]

    def _pictures(self, shown: Tensor, learned: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shown classes' pictures, centred on those of `learned`, and their classes."""
        mean = self._rows[torch.isin(self._labels, learned)].mean(0)
        is_shown = torch.isin(self._labels, shown)
        centred = normalize((self._rows[is_shown] - mean) * self._wide.any(0), dim=-1)
        return centred, torch.searchsorted(shown, self._labels[is_shown])

    def _read(self, names: Sequence[str]) -> Float[Tensor, "m joint_dim"]:
        tokens = self._tokenize([f"{WORDS} {name}." for name in names])
        weight = next(self._network.parameters())
        low = None if weight.dtype == torch.float32 else weight.dtype
        with torch.autocast(weight.device.type, low, enabled=low is not None):
            features = self._network.encode_text(tokens.to(weight.device))
        return normalize(features.float().cpu(), dim=-1)

    def _put_in(self, _table: Any, _tokens: Any, embedded: Tensor) -> Tensor:
        context = self.context.to(embedded).expand(len(embedded), -1, -1)
        return torch.cat([embedded[:, : PLACES.start], context, embedded[:, PLACES.stop :]], dim=1)


def _best_scale(cosines: Float[Tensor, "n N"], own: Int[Tensor, " n"]) -> float:
    return min(SCALES, key=lambda scale: float(cross_entropy(scale * cosines, own)))


def _centred(texts: Float[Tensor, "m D"]) -> Float[Tensor, "m D"]:
    return normalize(texts - texts.mean(0), dim=-1)
