"""Other domains: scaled coordinates, noise, and narrow cones like CLIP's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from episodes.draws import TaskDraw
from episodes.perturb_texts import spread, unit
from episodes.tasks import EpisodeBatch

# Upper end of a uniform draw, in units of the spread around the task's mean.
MOST_NOISE = 2.0
SCALING_DEVIATION = 0.7
# CLIP's cones: pictures shrink to 0.4–1, texts to 0.3–1 of their length; an offset of 1 is added.
LEAST_IMAGE_LENGTH, LEAST_TEXT_LENGTH = 0.4, 0.3

Tasks = Int[Tensor, " k"]


@dataclass(frozen=True, slots=True)
class Cone:
    """Narrow cones around an offset of length 1, in the chosen ones of T tasks."""

    chosen_T11: Bool[Tensor, "T 1 1"]
    length_T11: Float[Tensor, "T 1 1"]
    """The factor on the rows of a task."""
    offset_T1D: Float[Tensor, "T 1 D"]

    def squeeze(self, rows_TXD: Float[Tensor, "T X D"]) -> None:
        """Move unit rows into the cone in place."""

        def squeezed(rows_kXD: Tensor, tasks: Tasks) -> Tensor:
            moved_kXD = self.length_T11[tasks] * rows_kXD + self.offset_T1D[tasks]
            return unit(moved_kXD, was=rows_kXD)

        change(rows_TXD, self.chosen_T11, squeezed)


@dataclass(frozen=True, slots=True)
class Domain:
    """The domain that the pictures of T tasks move to."""

    draw: TaskDraw
    scaled_T11: Bool[Tensor, "T 1 1"]
    stretch_T1D: Float[Tensor, "T 1 D"]
    """The factor on each coordinate in tasks that are scaled."""
    deviation_T11: Float[Tensor, "T 1 1"]
    """The standard deviation of the noise; 0 in tasks without."""
    cone: Cone

    def moved(self, pictures: Float[Tensor, "T *shape D"]) -> Float[Tensor, "T *shape D"]:
        """Return unit rows in the new domain, and padding as zeros."""
        before_TXD = pictures.flatten(1, -2)
        rows_TXD, noisy_T11 = before_TXD.clone(), self.deviation_T11 > 0
        change(rows_TXD, self.scaled_T11, lambda rows, tasks: rows * self.stretch_T1D[tasks])
        change(rows_TXD, noisy_T11, self._with_noise)
        is_longer_T11 = self.scaled_T11 | noisy_T11
        change(rows_TXD, is_longer_T11, lambda rows, tasks: unit(rows, was=before_TXD[tasks]))
        self.cone.squeeze(rows_TXD)
        return rows_TXD.reshape(pictures.shape)

    def _with_noise(self, rows_kXD: Tensor, tasks: Tasks) -> Tensor:
        return rows_kXD + self.deviation_T11[tasks] * self.draw.normal(*rows_kXD.shape)


def draw_domain(
    batch: EpisodeBatch, draw: TaskDraw, *, noise: float, scaling: float, cone: float
) -> tuple[Domain, Cone]:
    """Return a domain for the pictures of each task, and a cone for its texts.

    Args:
        batch: The tasks.
        draw: Draws all numbers.
        noise: The fraction of the tasks with noise.
        scaling: The fraction of the tasks whose coordinates are scaled.
        cone: The fraction of the tasks in cones.
    """
    queries_TQD, is_query_TQ1 = batch.query_TQD, (batch.query_labels_TQ >= 0)[..., None]
    width = queries_TQD.shape[-1]
    scaled_T11 = draw.chosen(scaling) > 0
    stretch_T1D = (SCALING_DEVIATION * draw.normal_T1D()).exp()
    deviation_T11 = draw.level(noise, MOST_NOISE)

    def deviation(level_k11: Tensor, tasks: Tasks) -> Tensor:
        present_kQ1 = is_query_TQ1[tasks].to(queries_TQD.dtype)
        return level_k11 * spread(queries_TQD[tasks], present_kQ1) / math.sqrt(width)

    change(deviation_T11, deviation_T11 > 0, deviation)
    in_cone_T11 = draw.chosen(cone) > 0
    pictures, texts = (
        Cone(in_cone_T11, 1 - draw.uniform(1 - least), normalize(draw.normal_T1D(), dim=-1))
        for least in (LEAST_IMAGE_LENGTH, LEAST_TEXT_LENGTH)
    )
    return Domain(draw, scaled_T11, stretch_T1D, deviation_T11, pictures), texts


def change(
    rows: Float[Tensor, "T X Y"],
    chosen_T11: Bool[Tensor, "T 1 1"],
    changed: Callable[[Tensor, Tasks], Tensor],
) -> None:
    """Replace the rows of the chosen tasks in place by what `changed` makes of them."""
    tasks_k = chosen_T11.flatten().nonzero()[:, 0]
    if len(tasks_k):
        rows[tasks_k] = changed(rows[tasks_k], tasks_k)
