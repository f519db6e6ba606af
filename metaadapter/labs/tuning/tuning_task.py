"""A task for which the tower is tuned."""

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
    """The labelled pictures of one task, class by class, and the generator of its adapters."""

    looks: PictureLooks
    """The pictures, encoded by the tower in its current state."""
    support: Support
    """The task before any training."""
    labels_n: Int[Tensor, " n"]
    generator: AdapterGenerator

    @property
    def rows_before(self) -> Float[Tensor, "n D"]:
        """Unit rows of the pictures before any training."""
        return self.support.labelled_rows()[0]

    def left_out_heads(self, rows: Float[Tensor, "n D"], fold: Int[Tensor, " n"]) -> LeftOutHeads:
        """`LeftOutHeads.predict` for this task."""
        return LeftOutHeads.predict(self.generator, self.support, rows, fold)
