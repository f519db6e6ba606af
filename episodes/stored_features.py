"""Features that stay on disk, of which rows are read when tasks draw them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from episodes.draws import upload

# Pictures in memory at a time when all are read once.
CHUNK_PICTURES = 65_536


@final
class StoredFeatures:
    """Stands for a tensor (n, V, D) of unit rows that is larger than the memory should hold.

    Attributes:
        shape: The numbers of pictures and of views, and the feature width.
        device: The device of the features that are returned.
    """

    def __init__(
        self,
        read: Callable[[np.ndarray], np.ndarray],
        shape: tuple[int, int, int],
        device: str | torch.device = "cpu",
    ) -> None:
        """Keep `read`, which returns float32 rows (k, D) for k row numbers: picture · V + view."""
        self._read, self.shape, self.device = read, shape, torch.device(device)

    def look_up(self, rows: Int[Tensor, "*shape"]) -> Float[Tensor, "*shape D"]:
        """Return the rows with these numbers."""
        read = torch.from_numpy(self._read(rows.flatten().cpu().numpy()))
        return upload(read.reshape(*rows.shape, self.shape[2]), self.device)

    def parts(self) -> Iterator[Float[Tensor, "part V D"]]:
        """Yield all features in the order of the pictures, some at a time."""
        n, n_views, _ = self.shape
        for start in range(0, n, CHUNK_PICTURES):
            stop = min(start + CHUNK_PICTURES, n)
            rows = torch.arange(start * n_views, stop * n_views)
            yield self.look_up(rows.reshape(stop - start, n_views))

    def to(self, device: str | torch.device) -> StoredFeatures:
        """Return the same features, read onto another device."""
        return StoredFeatures(self._read, self.shape, device)
