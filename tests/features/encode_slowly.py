"""The program that `test_encode_killed.py` starts and kills: PICTURES OUT.

Prints a line before each batch, and at the end how many pictures it has encoded.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from conftest import MeanColourEncoder, table_of
from torch import Tensor

from metaadapter.features.store import kept_features
from metaadapter.features.store.encode_to_store import encode_to_store

SECONDS_PER_BATCH = 0.02


class SlowEncoder(MeanColourEncoder):
    def encode_pixels(self, batch: Tensor) -> Tensor:
        print("batch", flush=True)
        time.sleep(SECONDS_PER_BATCH)
        return super().encode_pixels(batch)


if __name__ == "__main__":
    torch.set_num_threads(1)
    kept_features.COMMIT_SECONDS = 0.03
    pictures, out = Path(sys.argv[1]), Path(sys.argv[2])
    report = encode_to_store(table_of(pictures), SlowEncoder(), out, views=2, batch_size=4)
    print(report.n_new)
