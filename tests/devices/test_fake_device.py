"""No tensor is made on the wrong device: a fake device refuses to mix with the CPU."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import traceback
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.peers.by_name import PEERS
from metaadapter.bench.run import evaluate
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train
from tests.random_networks import random_encoder


def run_on_fake_device(function, *arguments):
    """Call `function(device, …)` in a process that has the fake device, and return its result.

    PyTorch can register such a device only once and for good.
    """
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)

    def call():
        try:
            from tests.fake_device import DEVICE, FakeDevice

            for module in [*sys.modules.values()]:
                for name in ("choose_device", "training_device"):
                    if hasattr(module, name):
                        setattr(module, name, lambda chosen: torch.device(chosen, 0))
            # PyTorch has no tensors of inference mode for devices from outside.
            torch.inference_mode = torch.no_grad
            with FakeDevice():
                theirs.send((function(DEVICE, *arguments), None))
        except BaseException:
            theirs.send((None, traceback.format_exc()[-4000:]))

    process = context.Process(target=call)
    process.start()
    theirs.close()
    result, error = ours.recv()
    process.join()
    if error and "Skipped" in error:
        pytest.skip("needs a PyTorch with devices in Python")
    assert error is None, error
    return result


def supports():
    """Tasks with missing shots and classes, a pool, and two looks of two blocks."""
    draw = torch.Generator().manual_seed(0)
    shots = normalize(torch.randn(2, 3, 4, 24, generator=draw), dim=-1)
    texts = normalize(torch.randn(2, 3, 24, generator=draw), dim=-1)
    mask = torch.rand(2, 3, 4, generator=draw) < 0.8
    mask[:, :, 0] = True
    one = Support.of_tasks(shots, texts, mask, blocks=(16, 8), logit_scale=20.0)
    pool = normalize(torch.randn(12, 24, generator=draw), dim=-1)
    plain = Support.of_tasks(shots[:1], texts[:1], logit_scale=20.0)
    names = Support.of_tasks(shots[:1, :, :0], texts[:1], logit_scale=20.0)
    return {"blocks": one, "plain": plain, "pool": plain.with_pool(pool), "names": names}


def test_fake_device__tensor_of_the_cpu__is_refused():
    def mix(device):
        from tests.fake_device import DeviceMixture

        rows, wrong = torch.ones(2, 3, device=device), torch.ones(3)
        errors = []
        for action in (
            lambda: rows + wrong,
            lambda: torch.cat([rows, wrong[None]]),
            lambda: rows @ wrong,
            lambda: rows.masked_fill_(wrong > 0, 0.0),
            lambda: torch.rand(2, device=device, generator=torch.Generator()),
        ):
            try:
                action()
            except DeviceMixture as error:
                errors.append(str(error))
        legal = (rows * torch.tensor(2.0))[:, torch.tensor([0, 2])] + rows.new_zeros(2)
        return errors, legal.cpu().tolist()

    errors, legal = run_on_fake_device(mix)

    assert len(errors) == 5
    assert legal == [[2.0, 2.0]] * 2


def test_predict__on_another_device__makes_no_tensor_elsewhere():
    def predict(device):
        probabilities = []
        for name in ("default", "closed-form"):
            generator = load_generator(name).to(device)
            for support in supports().values():
                weights = generator.predict(support.to(device=device))
                queries = normalize(torch.ones(support.n_tasks, 5, 24), dim=-1).to(device)
                probabilities.append(classify(queries, weights).detach().cpu().numpy())
        return probabilities

    for there, here in zip(run_on_fake_device(predict), predict("cpu"), strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-4)


def test_peers__on_another_device__make_no_tensor_elsewhere():
    def fit(device):
        for name in ("zero-shot", "prototypes", "text + mean", "Tip-Adapter", "GDA"):
            PEERS[name](supports()["plain"].to(device=device))

    run_on_fake_device(fit)


def test_encode__on_another_device__makes_no_tensor_elsewhere():
    pictures = [Image.new("RGB", (40, 30), (value, 90, 10)) for value in (0, 90, 255)]
    vision = {"image_size": 32, "patch_size": 8, "width": 32, "layers": 1, "head_width": 16}

    def encode(device):
        encoder = random_encoder(vision, "vit", device=device, zoom=False)
        return encoder.encode_images(pictures), encoder.encode_texts(["a fox", "a heron"])

    images, texts = run_on_fake_device(encode)

    expected = encode("cpu")
    np.testing.assert_allclose(images, expected[0], atol=1e-5)
    np.testing.assert_allclose(texts, expected[1], atol=1e-5)


@pytest.mark.parametrize("noise", [0.5])
def test_train__on_another_device__makes_no_tensor_elsewhere(tmp_path, tiny_run, noise):
    tiny_run.write_text(f"{tiny_run.read_text()}\n[perturb]\nnoise = {noise}\n", encoding="utf-8")
    program = Path(__file__).with_name("train_on_fake_device.py")
    done = subprocess.run(
        [sys.executable, program, tiny_run, tmp_path / "there"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr

    config = load_config(tiny_run)
    here = train(tmp_path / "here", config, config_text=tiny_run.read_text(), device="cpu")
    # Other devices draw the noise of all tasks, the CPU that of the tasks that get noise.
    tolerance = 0.2 if noise else 1e-3
    assert float(done.stdout.splitlines()[-1]) == pytest.approx(here.best.mean_loss, rel=tolerance)


def test_evaluate__on_another_device__makes_no_tensor_elsewhere(tmp_path, make_store):
    store = make_store("pets", dict.fromkeys(["ant", "bee", "cow"], 9), spread=0.8).folder
    config = EvaluationConfig(
        stores=(str(store),), methods=("zero-shot", "prototypes"), shots=(1, 2), seeds=2
    )

    def accuracy(device):
        return evaluate(config, tmp_path / device, device=device).rows["accuracy"].tolist()

    assert run_on_fake_device(accuracy) == pytest.approx(accuracy("cpu"))
