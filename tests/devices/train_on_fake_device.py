"""Trains on the fake device and prints the loss: `python FILE CONFIG FOLDER`.

A program, because a process that has computed gradients, and those forked from it, cannot compute
gradients on a new device.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from metaadapter.training import run
from metaadapter.training.config_file import load_config

# Some packages have a module `tests`.
sys.path.insert(0, str(Path(__file__).parents[1]))
from fake_device import DEVICE, FakeDevice

if __name__ == "__main__":
    config, folder = map(Path, sys.argv[1:])
    run.training_device = lambda chosen: torch.device(chosen, 0)
    # PyTorch has no tensors of inference mode for devices from outside.
    torch.inference_mode = torch.no_grad
    with FakeDevice():
        summary = run.train(
            folder, load_config(config), config_text=config.read_text(), device=DEVICE
        )
    print(summary.best.mean_loss)
