"""The accuracy of an adapter, estimated on labelled pictures that are left out one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.adapter.config import AdapterConfig
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.workflow.accuracy import Proportion
from metaadapter.workflow.choose_n_steps import fine_tune
from metaadapter.workflow.gradient_steps import FineTune

# With more pictures, leaving out each one takes longer than a user waits for an estimate.
MAX_PICTURES = 200
MAX_PICTURES_REFINED = 80  # where each left-out picture takes gradient steps
MAX_UNLABELLED_ROWS = 20_000  # unlabelled pictures times labelled ones
# The number of tasks in a batch, each with one picture left out.
TASKS_AT_ONCE = 32
NUMBERS_AT_ONCE = 2**23  # of features of labelled pictures: 64 MB, which are copied several times
# This many unlabelled pictures take as much memory as a task without unlabelled pictures.
POOL_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Predictions for pictures left out one by one; a picture alone in its class has none."""

    pictures: Int[Tensor, " n"]
    """The place of each left-out picture in the support's `labelled_rows`."""
    labels: Int[Tensor, " n"]
    probabilities: Float[Tensor, "n N"]

    @property
    def predicted(self) -> Int[Tensor, " n"]:
        """The most probable class of each left-out picture."""
        return self.probabilities.argmax(-1)

    @property
    def correct(self) -> Bool[Tensor, " n"]:
        """Whether the most probable class is the picture's own."""
        return self.predicted == self.labels


def leave_one_out(
    support: Support,
    generator: AdapterGenerator,
    *,
    n_steps: int = 0,
    shown_NKD: Float[Tensor, "N K D"] | None = None,
    left_out_NK: Bool[Tensor, "N K"] | None = None,
    group_NK: Int[Tensor, "N K"] | None = None,
) -> LeftOut:
    """Classify each picture of one task by an adapter predicted from all other pictures.

    `shown_NKD` holds other features to classify, such as those of a less exact encoder.
    `left_out_NK` marks the pictures to leave out; one that is alone in its class always stays.
    With `group_NK`, the whole group of a picture is left out with it.
    """
    support = support.to(device=generator.device)
    if shown_NKD is None:
        shown_NKD = generator.in_domain_of_pool(support).support_TNKD[0]
    shown_NKD = shown_NKD.to(support.text_TND)
    (mask_NK,) = support.present_TNK
    if group_NK is None:
        group_NK = torch.arange(mask_NK.numel()).reshape(mask_NK.shape)
    group_NK = group_NK.to(mask_NK.device)
    several_NK = mask_NK.clone()
    for own_K, several_K, group_K in zip(mask_NK, several_NK, group_NK, strict=True):
        several_K &= len(group_K[own_K].unique()) > 1
    left_out_NK = several_NK if left_out_NK is None else several_NK & left_out_NK.to(mask_NK.device)
    pictures = mask_NK.flatten().cumsum(0)[left_out_NK.flatten()] - 1
    labels, places = left_out_NK.nonzero().unbind(1)
    probabilities = [support.text_TND.new_empty(0, support.n_way)]
    # Each task in a batch holds all unlabelled pictures.
    at_once = TASKS_AT_ONCE // (1 + support.n_pool // POOL_AT_ONCE)
    at_once = max(1, min(at_once, NUMBERS_AT_ONCE // max(1, support.support_TNKD.numel())))
    for start in range(0, len(labels), at_once):
        some = slice(start, start + at_once)
        left_out = labels[some], places[some]
        many = support.repeated(len(labels[some]))
        kept = many.kept(group_NK != group_NK[left_out][:, None, None])
        if n_steps:
            weights = fine_tune(generator, kept, FineTune(n_steps=n_steps)).weights
        else:
            weights = generator.predict(kept)
        logits_T1N = classify(shown_NKD[left_out][:, None], weights)
        probabilities.append(logits_T1N[:, 0].softmax(-1))
    return LeftOut(pictures.cpu(), labels.cpu(), torch.cat(probabilities).cpu())


class LeftOutMistake(NamedTuple):
    """A picture whose class is predicted wrongly by an adapter of all other pictures."""

    path: str
    label: str
    predicted: str
    probability: float

    def __str__(self) -> str:
        return f"{self.path}: {self.label}, predicted {self.predicted} ({self.probability:.2f})"


class LeftOutEstimate(NamedTuple):
    """The fraction of left-out pictures that are predicted correctly, and the mistakes."""

    accuracy: Proportion
    mistakes: tuple[LeftOutMistake, ...]

    def warnings(self, config: AdapterConfig) -> list[str]:
        """Return a warning for each class without pictures that is predicted for a picture."""
        n_taken = Counter(mistake.predicted for mistake in self.mistakes)
        return [
            f"{n_taken[str(label)]} of the {self.accuracy.n} left-out pictures, all of other "
            f"classes, are predicted as {label}, a class that has only a name: give the class a "
            "few pictures, or leave it out"
            for label, n_shots in zip(config.classes, config.n_shots, strict=True)
            if not n_shots and n_taken[str(label)]
        ]


def estimate_accuracy(pictures: EncodedPictures, stored: StoredAdapter) -> LeftOutEstimate | None:
    """Estimate the accuracy of an adapter on its own pictures, each left out of the prediction.

    Pictures of its group, such as a series, are left out with it, because they are nearly equal.
    If the adapter took gradient steps, each prediction takes the same number of steps, which was
    chosen on left-out pictures. Return `None` if no class has two pictures, if the estimate takes
    too long, or if the encoder's towers were trained on these pictures, which then look too easy.
    """
    config = stored.config
    if config.inside is not None or stored.support is None:
        return None
    if len(pictures) > (MAX_PICTURES_REFINED if config.n_steps else MAX_PICTURES):
        return None
    if len(pictures) * stored.support.n_pool > MAX_UNLABELLED_ROWS:
        return None
    generator, _ = shared_generator(config.generator)
    groups = _groups(stored.support, [picture.group for picture in pictures.pictures])
    left_out = leave_one_out(stored.support, generator, n_steps=config.n_steps, group_NK=groups)
    if not len(left_out.labels):
        return None
    mistakes = [
        LeftOutMistake(
            pictures.paths[stored.support.order[int(left_out.pictures[i])]],
            label=str(config.classes[int(left_out.labels[i])]),
            predicted=str(config.classes[int(left_out.predicted[i])]),
            probability=float(left_out.probabilities[i].max()),
        )
        for i in (~left_out.correct).nonzero()[:, 0].tolist()
    ]
    accuracy = Proportion(int(left_out.correct.sum()), len(left_out.labels))
    return LeftOutEstimate(accuracy, tuple(mistakes))


def _groups(support: Support, names: Sequence[str]) -> Int[Tensor, "N K"]:
    """Return the number of each picture's group; a picture without a name is its own group."""
    group_NK = torch.arange(support.present_TNK[0].numel()).reshape(support.present_TNK[0].shape)
    first: dict[str, int] = {}
    for (way, shot), row in zip(
        support.present_TNK[0].nonzero().tolist(), support.order, strict=True
    ):
        if names[row]:
            group_NK[way, shot] = first.setdefault(names[row], int(group_NK[way, shot]))
    return group_NK
