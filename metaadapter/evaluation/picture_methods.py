"""Methods that see the pictures of a task themselves: they change an encoder, and not its head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from metaadapter.baselines.fine_tuned_tower import FineTunedTower
from metaadapter.errors import UsageError
from metaadapter.evaluation.picture_task import PictureAnswers, PictureTask
from metaadapter.features import FrozenEncoder
from metaadapter.images import decode_image

__all__ = ["PICTURE_METHODS", "TOWER_PEERS"]

TOWER_PEERS = ("fine-tuned tower",)
"""Those of `PICTURE_METHODS` that are peers."""

SEED = 0
"""Of views and batches; tasks differ in their pictures."""


def _fine_tuned_tower(task: PictureTask) -> PictureAnswers:
    encoder = _open_clip("fine-tuned tower", task)
    tower = FineTunedTower.of_encoder(encoder, task.support.text_TND[0].numpy(), SEED)
    tower.fit([decode_image(path) for path in task.paths], task.labels.tolist())

    def answers(paths: Sequence[Path], rows_QD: Float[Tensor, "Q D"]) -> Float[Tensor, "Q N"]:
        return tower.logits(map(decode_image, paths)).to(rows_QD)

    return answers


def _open_clip(method: str, task: PictureTask) -> FrozenEncoder:
    if not isinstance(task.encoder, FrozenEncoder):
        raise UsageError(
            f"{method} changes the towers of an encoder of open_clip, and {task.encoder.name} is "
            f"none; leave {method} out of --methods"
        )
    return task.encoder


PICTURE_METHODS: dict[str, Callable[[PictureTask], PictureAnswers]] = {
    "fine-tuned tower": _fine_tuned_tower,
}
"""By name; each is fitted to one task and answers its queries, picture by picture."""
