"""A task whose tower is tuned."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from metaadapter.adapter.support import Support
from metaadapter.generator.adapter_generator import AdapterGenerator
from metaadapter.labs.tuning.left_out_heads import LeftOutHeads
from metaadapter.labs.tuning.picture_looks import PictureLooks


@dataclass(frozen=True, slots=True)
class TuningTask:
    """The labelled pictures of one task, class by class, and what predicts adapters from them."""

    looks: PictureLooks
    """The pictures, seen through the tower as it is by now."""
    support: Support
    """The task as it was before any training."""
    labels_n: Int[Tensor, " n"]
    generator: AdapterGenerator

    @property
    def rows_before(self) -> Float[Tensor, "n D"]:
        """The pictures as they were seen before any training, unit rows."""
        return self.support.labelled_rows()[0]

    def left_out_heads(self, rows: Float[Tensor, "n D"], fold: Int[Tensor, " n"]) -> LeftOutHeads:
        """`LeftOutHeads.predict` for this task."""
        return LeftOutHeads.predict(self.generator, self.support, rows, fold)
