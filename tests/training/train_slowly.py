"""The program that `test_training_killed.py` starts and kills: RUN. Prints each step."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from metaadapter.training import open_run, train

if __name__ == "__main__":
    torch.set_num_threads(1)
    run = Path(sys.argv[1])
    train(run, open_run(run), device="cpu", tell=lambda moment: print(moment.step, flush=True))
