"""The accuracy of grounding phrases in scenes: pointing and overlap of boxes, per method."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from metaadapter.labs.grounding.cross_modal import CrossModalAdapter, frozen_map
from metaadapter.labs.grounding.ground import Box, box_around_peak
from metaadapter.labs.grounding.tokens import PhraseTokens, PictureTokens
from tools.grounding.objective import overlap
from tools.grounding.scene_set import SceneSet, coverage
from tools.grounding.tasks import Asked, PhraseReader, draw_examples

BATCH = 32
GOOD_OVERLAP = 0.5

# The width and height of the blind box in the middle, by its overlap on photographs of clothes
# and trash, whose figures are not reported.
CENTRAL = 0.75

Method = Callable[[PictureTokens, PhraseTokens], tuple[Tensor, Sequence[Box]]]
"""Tokens of phrases, and of a picture for each → maps (tasks, height, width) and boxes."""


class Score(NamedTuple):
    """Means over tasks.

    Attributes:
        n: The number of tasks.
        pointing: The fraction with the maximum of the heat map in the correct box.
        any_object: The fraction with the maximum in the box of any object.
        iou: The overlap of the box with the correct one.
        good: The fraction of boxes that overlap by at least half.
    """

    n: int
    pointing: float
    any_object: float
    iou: float
    good: float


def draw_questions(scenes: SceneSet, n_each: int, n_shots: int, seed: int) -> list[Asked]:
    """Draw up to `n_each` phrases of each kind from all scenes, with up to `n_shots` examples."""
    rng = random.Random(seed)
    kinds = defaultdict(list)
    for number, scene in enumerate(scenes.scenes):
        for phrase in scene["phrases"]:
            kinds[phrase["kind"]].append((number, phrase))
    return [
        Asked(number, phrase, draw_examples(scenes, number, phrase, n_shots, rng))
        for kind in sorted(kinds)
        for number, phrase in rng.sample(kinds[kind], min(n_each, len(kinds[kind])))
    ]


def measure(
    method: Method,
    scenes: SceneSet,
    questions: Sequence[Asked],
    read: PhraseReader,
    show: Callable[[Asked], Tensor] | None = None,
) -> dict[str, Score]:
    """Return scores for "all", each form of scene, kind of phrase, size and source of the object.

    `show` returns the vectors (examples, dim) of a question's examples.
    """
    marks = defaultdict(list)
    for start in range(0, len(questions), BATCH):
        some = questions[start : start + BATCH]
        shown = [show(question) for question in some] if show else None
        words = read([str(question.phrase["text"]) for question in some], shown)
        with torch.inference_mode():
            maps, boxes = method(scenes.tokens([question.scene for question in some]), words)
        for question, heat, box in zip(some, maps, boxes, strict=True):
            objects = scenes.scenes[question.scene]["objects"]
            right = objects[question.phrase["object"]]
            hits = [_points_into(heat, other["box"]) for other in objects]
            ratio, _ = overlap(torch.tensor(box), torch.tensor(right["box"]))
            mark = (hits[question.phrase["object"]], any(hits), float(ratio), ratio >= GOOD_OVERLAP)
            scene_form = scenes.scenes[question.scene]["form"]
            groups = "all", scene_form, question.phrase["kind"], right["size"], right["source"]
            for group in groups:
                marks[group].append(mark)
    return {
        group: Score(len(some), *(float(np.mean(column)) for column in zip(*some, strict=True)))
        for group, some in marks.items()
    }


def detection(
    adapter: CrossModalAdapter,
    scenes: SceneSet,
    present: Sequence[Asked],
    absent: Sequence[Asked],
    read: PhraseReader,
    show: Callable[[Asked], Tensor],
) -> float:
    """Return the AUROC of presence between phrases that scenes show and names that they lack."""
    logits = []
    questions = [*present, *absent]
    for start in range(0, len(questions), BATCH):
        some = questions[start : start + BATCH]
        words = read([question.phrase["text"] for question in some], [show(one) for one in some])
        with torch.inference_mode():
            tokens = scenes.tokens([question.scene for question in some])
            logits += adapter(tokens, words, torch.arange(len(some))).presence_T.tolist()
    return float(roc_auc_score([question.is_present for question in questions], logits))


def of_adapter(adapter: CrossModalAdapter) -> Method:
    """Return the method of a cross-modal adapter."""

    def method(pictures: PictureTokens, words: PhraseTokens) -> tuple[Tensor, list[Box]]:
        grounded = adapter(pictures, words, torch.arange(len(words.mask_TL)))
        return grounded.heat_Thw, [tuple(box) for box in grounded.boxes_at_peak().tolist()]

    return method


def of_frozen_map(logit_scale: float) -> Method:
    """The similarity map of the frozen encoder, which is also the readout of MaskCLIP."""

    def method(pictures: PictureTokens, words: PhraseTokens) -> tuple[Tensor, list[Box]]:
        fine = (pictures.stage_NhwC.shape[1], pictures.stage_NhwC.shape[2])
        maps = frozen_map(pictures.joint_NHWD, words.vectors_TLD[:, 0], logit_scale, fine)
        return maps, [box_around_peak(heat.numpy()) for heat in maps]

    return method


def of_middle() -> Method:
    """The same box in the middle of every picture, which looks at nothing."""
    low, high = (1 - CENTRAL) / 2, (1 + CENTRAL) / 2

    def method(pictures: PictureTokens, words: PhraseTokens) -> tuple[Tensor, list[Box]]:
        high_side, wide_side = pictures.stage_NhwC.shape[1:3]
        maps = coverage((low, low, high, high), high_side, wide_side)
        # The maximum is the place in the middle.
        maps[high_side // 2, wide_side // 2] += 1
        n = len(words.mask_TL)
        return maps.expand(n, -1, -1), [(low, low, high, high)] * n

    return method


def of_relevance() -> Method:
    """GradCAM (Selvaraju et al., 2017) of the cosine of the pooled picture and the phrase.

    If the pooled vector is the mean of the places, as for trunks that pool by means and end in a
    linear head, the cosine has the same gradient at each place. The relevance of a place is its
    product with this gradient; negative products are set to zero.
    """

    def method(pictures: PictureTokens, words: PhraseTokens) -> tuple[Tensor, list[Box]]:
        joint = pictures.joint_NHWD
        pooled, phrase = joint.mean((1, 2)), words.vectors_TLD[:, 0]
        length = pooled.norm(dim=1, keepdim=True)
        cosine = (pooled * phrase).sum(1, keepdim=True) / length
        gradient = (phrase - cosine * pooled / length) / length
        relevance = torch.einsum("thwd,td->thw", joint, gradient).clamp(min=0)
        fine = pictures.stage_NhwC.shape[1:3]
        maps = torch.nn.functional.interpolate(relevance[:, None], fine, mode="bilinear")[:, 0]
        return maps, [box_around_peak(heat.numpy()) for heat in maps]

    return method


def _points_into(heat: Tensor, box: Sequence[float]) -> bool:
    height, width = heat.shape
    row, column = divmod(int(heat.argmax()), width)
    left, top, right, bottom = box
    across, down = (column + 0.5) / width, (row + 0.5) / height
    return left <= across <= right and top <= down <= bottom
