"""The process that `test_training_killed.py` kills: RUN [CONFIG of a new run]. Prints each step."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from metaadapter.training.config_file import load_config
from metaadapter.training.run import train
from metaadapter.training.run_folder import open_run

if __name__ == "__main__":
    torch.set_num_threads(1)
    run, *given = map(Path, sys.argv[1:])
    config = load_config(given[0]) if given else open_run(run)
    text = given[0].read_text(encoding="utf-8") if given else None
    train(
        run,
        config,
        config_text=text,
        device="cpu",
        tell=lambda moment: print(moment.step, flush=True),
    )
