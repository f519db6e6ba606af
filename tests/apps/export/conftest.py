"""Encoders of random weights, and the adapters that are exported."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import transforms as steps

from metaadapter.adapter.config import AdapterConfig
from metaadapter.features.encoders.transformers_pictures import FloorCrop
from metaadapter.features.image_encoder import ModelEncoder

SIDE, MEAN, DEVIATION = 24, [0.4, 0.5, 0.6], [0.2, 0.3, 0.4]
BICUBIC = steps.InterpolationMode.BICUBIC


@pytest.fixture(scope="session")
def preprocessing():
    """Preprocessing by its name, of pictures of 24 pixels."""
    scaled = [steps.ToTensor(), steps.Normalize(MEAN, DEVIATION)]
    return {
        "shortest": [steps.Resize(SIDE, BICUBIC), steps.CenterCrop(SIDE), *scaled],
        "squash": [steps.Resize((SIDE, SIDE), steps.InterpolationMode.BILINEAR), *scaled],
        "cropped": [steps.Resize(29, BICUBIC), steps.CenterCrop(SIDE), *scaled],
        "floored": [steps.Resize(SIDE, BICUBIC), FloorCrop((SIDE, SIDE)), *scaled],
        "squashed first": [steps.Resize((29, 29), BICUBIC), FloorCrop((SIDE, SIDE)), *scaled],
    }


@pytest.fixture(scope="session")
def make_encoder(preprocessing):
    """A small network of random weights behind some preprocessing, by default the usual."""

    def make(transforms=None, *, zoom=True):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = nn.Sequential(
                nn.Conv2d(3, 8, 5, stride=3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
            )
        chosen = steps.Compose(preprocessing["shortest"] if transforms is None else transforms)
        return ModelEncoder("small", network, chosen, zoom=zoom, device="cpu")

    return make


@pytest.fixture(scope="session")
def make_config():
    """The configuration of an adapter of three classes, with changes."""

    def make(**changes):
        facts = {"classes": ["a", "b", "c"], "width": 6, "n_shots": [0, 0, 0]}
        facts |= {"mode": "one_shot", "generator": "default", "generator_id": "0"}
        return AdapterConfig(**facts | changes)

    return make


@pytest.fixture(scope="session")
def numpy_answers():
    """An adapter's answers by a loop over pictures in numpy, from the formulas of its docstrings.

    Probabilities, and the probability of being known where the adapter can tell.
    """

    def answers(features, weights):
        its = SimpleNamespace(**{k: v.double().numpy() for k, v in weights.tensors().items()})
        shares, known = [], []
        for row in features.astype(np.float64):
            row = row / np.linalg.norm(row)
            moved = row
            if weights.visual is not None:
                hidden = np.maximum(its.down @ (row - its.centre) + its.bias, 0)
                moved = row + its.visual_ratio * (its.up @ hidden)
                moved = moved / np.linalg.norm(moved)
            logits = its.logit_scale * (its.classes @ moved) + its.class_bias
            p = np.exp(logits - logits.max())
            p = p / p.sum()
            shares.append(p)
            if weights.known_head is not None:
                like = sum(p * (its.likeness @ row + its.likeness_bias))
                doubt = -sum(p * np.log(p)) / np.log(len(p))
                known.append(1 / (1 + np.exp(-(its.known @ [like, doubt, 1]))))
        return (np.array(shares), np.array(known)) if known else (np.array(shares),)

    return answers
