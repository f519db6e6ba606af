"""A few of the hostile requests and kills of `python -m benchmarks.robustness --only serve`."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch

pytest.importorskip("uvicorn", reason="needs the extra serve")
if not hasattr(os, "fork"):
    pytest.skip("no forks on this system", allow_module_level=True)

from benchmarks.robustness.hostile_requests import HOSTILE
from benchmarks.robustness.serve import Serve, a_picture
from benchmarks.robustness.served import Served
from metaadapter.features.image_encoder import ModelEncoder

SEED, N_TRIALS = 3, 4


class Means(torch.nn.Module):
    """The mean of each channel of a picture in nine places."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, batch):
        return torch.nn.functional.adaptive_avg_pool2d(batch, 3).flatten(1) * self.scale


def preprocess(picture):
    pixels = np.array(picture.resize((6, 6)), np.float32)
    return torch.from_numpy(pixels).permute(2, 0, 1) / 255


@pytest.fixture(scope="module")
def encoder():
    return ModelEncoder("means", Means(), preprocess, zoom=False, device="cpu")


@pytest.fixture(scope="module")
def campaign(tmp_path_factory, encoder):
    campaign = Serve(tmp_path_factory.mktemp("served"), encoder)
    yield campaign
    campaign.close()


@pytest.mark.parametrize("kind", HOSTILE)
def test_request__that_is_hostile__is_refused_and_changes_nothing(campaign, kind):
    trials = [campaign.trial(kind, np.random.default_rng((SEED, n))) for n in range(N_TRIALS)]

    assert [trial for trial in trials if trial.failed] == []


def test_pipe__in_the_place_of_a_picture__is_refused_and_the_server_ends_at_a_signal(
    tmp_path, encoder
):
    folder = tmp_path / "project"
    served = Served(folder, encoder)
    try:
        served.wait()
        (picture,) = served.send([("a.png", a_picture(0))]).json["added"]
        for place in ("pictures", "thumbnails"):
            (folder / place / picture).unlink()
            os.mkfifo(folder / place / picture)
        answers = [
            served.ask("GET", f"/pictures/{picture}?size={size}") for size in ("thumbnail", "whole")
        ]
        os.kill(served.pid, signal.SIGTERM)
        status = os.waitpid(served.pid, 0)[1]
    finally:
        served.kill()

    assert [answer.status for answer in answers] == [404, 404]
    assert all("it is a pipe" in answer.json["error"] for answer in answers)
    assert status in (0, signal.SIGTERM)  # uvicorn sends the signal again once it has ended
