"""The accuracy of an adapter, estimated on labelled pictures that are left out one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import AdapterWeights, classify, probabilities, shown_labels
from metaadapter.features.encoded_pictures import EncodedPictures
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.generator.pretrained import shared_generator
from metaadapter.generator.ridge.independent_classes import independent_classes
from metaadapter.workflow.accuracy import LabelScores, Proportion, label_scores
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
    """Predictions for pictures left out one by one; a picture alone in a class has none."""

    pictures: Int[Tensor, " n"]
    """The place of each left-out picture in the support's `pictures`."""
    targets: Bool[Tensor, "n N"]
    """The classes that a picture shows."""
    probabilities: Float[Tensor, "n N"]
    answers: Bool[Tensor, "n N"]
    """The most probable class; with several labels all classes that reach their threshold."""

    @property
    def correct(self) -> Bool[Tensor, " n"]:
        """Whether the answers are the targets."""
        return (self.answers == self.targets).all(-1)


def predict_left_out(
    support: Support,
    generator: AdapterGenerator,
    *,
    n_steps: int = 0,
    shown: Float[Tensor, "n D"] | None = None,
    left_out: Bool[Tensor, " n"] | None = None,
    group: Int[Tensor, " n"] | None = None,
) -> LeftOut:
    """Classify each of the `pictures` of one task by an adapter predicted from all other pictures.

    `shown` holds other features to classify, such as those of a less exact encoder. `left_out`
    marks the pictures to leave out; one that is alone in a class always stays. With `group`, the
    whole group of a picture is left out with it.
    """
    support = support.to(device=generator.device)
    rows, targets = support.pictures()
    if shown is None:
        shown = generator.in_domain_of_pool(support).pictures()[0]
    shown, group = shown.to(rows), torch.arange(len(rows)) if group is None else group
    group = group.to(rows.device)
    counts = torch.ones_like(group, dtype=torch.bool)
    for of_class in targets.mT:
        counts &= ~of_class | (len(torch.unique(group[of_class])) > 1)
    (chosen,) = (counts if left_out is None else counts & left_out.to(counts.device)).nonzero().T
    if not len(chosen):
        none = rows.new_empty(0, support.n_way).cpu()
        return LeftOut(chosen.cpu(), targets[chosen].cpu(), none, none.bool())
    at_once = 1 if support.has_label_sets else tasks_at_once(support)
    parts = [
        _without(support, generator, shown[some], group != group[some][:, None], n_steps)
        for some in chosen.split(at_once)
    ]
    p, answers = (torch.cat(part).cpu() for part in zip(*parts, strict=True))
    return LeftOut(chosen.cpu(), targets[chosen].cpu(), p, answers)


def tasks_at_once(support: Support) -> int:
    """How many adapters of parts of a support are predicted in a batch."""
    # Each task in a batch holds all unlabelled pictures.
    at_once = TASKS_AT_ONCE // (1 + support.n_pool // POOL_AT_ONCE)
    return max(1, min(at_once, NUMBERS_AT_ONCE // max(1, support.support_TNKD.numel())))


def adapters_of_parts(
    support: Support, generator: AdapterGenerator, kept_Tn: Bool[Tensor, "T n"], n_steps: int = 0
) -> AdapterWeights:
    """Return T adapters of one task of one label, each predicted from the pictures kept for it."""
    many = support.repeated(len(kept_Tn))
    mask_TNK = many.present_TNK.clone()
    mask_TNK[mask_TNK.clone()] = kept_Tn.flatten()
    many = many.kept(mask_TNK)
    if n_steps:
        return fine_tune(generator, many, FineTune(n_steps=n_steps)).weights
    return generator.predict(many)


def _without(
    support: Support,
    generator: AdapterGenerator,
    shown_TD: Float[Tensor, "T D"],
    kept_Tn: Bool[Tensor, "T n"],
    n_steps: int,
) -> tuple[Float[Tensor, "T N"], Bool[Tensor, "T N"]]:
    """Return probabilities and answers for one row each of T tasks that keep these pictures."""
    if support.has_label_sets:
        rows, targets = support.pictures()
        (kept,), text, blocks = kept_Tn, support.text_TND[0], support.blocks
        others = Support.of_rows(rows[kept], targets[kept], text, blocks=blocks).exact
        adapter = generator.predict(others).task(0)
        p = probabilities(shown_TD, adapter)
        return p, shown_labels(p, adapter)
    weights = adapters_of_parts(support, generator, kept_Tn, n_steps)
    p = classify(shown_TD[:, None], weights)[:, 0].softmax(-1)
    return p, shown_labels(p, weights)


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


def why_none_is_left_out(stored: StoredAdapter) -> str:
    """Why no adapter is predicted without one of the labelled pictures; "" if they can be."""
    config, support = stored.config, stored.support
    if support is None:
        return "it was saved without its labelled pictures"
    if config.inside is not None:
        return "its encoder was trained on the labelled pictures"
    if config.several is not None:
        return "it gives several labels"
    n, most = (
        len(support.labelled_rows()[1]),
        MAX_PICTURES_REFINED if config.n_steps else MAX_PICTURES,
    )
    if n > most or n * support.n_pool > MAX_UNLABELLED_ROWS:
        return f"it would take too long: it has {n} labelled pictures and {support.n_pool} others"
    return ""


def estimate_accuracy(pictures: EncodedPictures, stored: StoredAdapter) -> LeftOutEstimate | None:
    """Estimate the accuracy of an adapter on its own pictures, each left out of the prediction.

    Pictures of its group, such as a series, are left out with it, because they are nearly equal.
    If the adapter took gradient steps, each prediction takes the same number of steps, which was
    chosen on left-out pictures. Return `None` if no class has two pictures, if the estimate takes
    too long, with several labels a picture (see `estimate_scores`), or if the encoder's towers were
    trained on these pictures, which then look too easy.
    """
    config = stored.config
    if stored.support is None or why_none_is_left_out(stored):
        return None
    generator, _ = shared_generator(config.generator)
    names, first = [picture.group for picture in pictures.pictures], dict[str, int]()
    # A picture without the name of a group is its own group.
    groups = [
        first.setdefault(names[row], place) if names[row] else place
        for place, row in enumerate(stored.support.order)
    ]
    left_out = predict_left_out(
        stored.support,
        generator,
        n_steps=config.n_steps,
        group=torch.tensor(groups, dtype=torch.long),
    )
    if not len(left_out.pictures):
        return None
    mistakes = [
        LeftOutMistake(
            pictures.paths[stored.support.order[int(left_out.pictures[i])]],
            label=str(config.classes[int(left_out.targets[i].int().argmax())]),
            predicted=str(config.classes[int(left_out.probabilities[i].argmax())]),
            probability=float(left_out.probabilities[i].max()),
        )
        for i in (~left_out.correct).nonzero()[:, 0].tolist()
    ]
    accuracy = Proportion(int(left_out.correct.sum()), len(left_out.pictures))
    return LeftOutEstimate(accuracy, tuple(mistakes))


def estimate_scores(stored: StoredAdapter) -> LabelScores | None:
    """Return the scores of left-out pictures of several labels, for classes in at least two.

    They are those of the adapter's thresholds; `None` if each picture has one label.
    """
    support, thresholds = stored.support, stored.weights.label_thresholds
    if support is None or thresholds is None:
        return None
    generator, _ = shared_generator(stored.config.generator)
    shows_NC = support.pictures()[1].numpy()
    left_out_NC = independent_classes(support, generator.closed_form).left_out_NC.numpy()
    several = shows_NC.sum(0) > 1
    return label_scores(left_out_NC[:, several], shows_NC[:, several], thresholds.numpy()[several])
