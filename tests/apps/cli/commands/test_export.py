"""`metaadapter export` as its user sees it."""

from __future__ import annotations

import functools
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.known import known_probabilities
from metaadapter.adapter.weights import probabilities
from metaadapter.apps.cli.app import main
from metaadapter.apps.export import exporting
from metaadapter.apps.export.program import onnx_run
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

EXAMPLE = Path(__file__).parents[4] / "examples" / "onnx" / "predict.py"


@pytest.fixture(scope="module")
def of_pictures(adapter, labelled, tmp_path_factory):
    """An ONNX file that takes pictures."""
    file = tmp_path_factory.mktemp("export") / "pictures.onnx"
    more = ["--pixels", "--pictures", str(labelled)]
    assert main(["export", str(adapter), "--onnx", str(file), *more]) == 0
    return file


def outputs(file, batch):
    """The outputs of a file by their names."""
    session = onnxruntime.InferenceSession(file)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {session.get_inputs()[0].name: batch}), strict=True))


def assert_answers_of(weights, features, answers, atol):
    features = torch.from_numpy(features)
    known = known_probabilities(features, weights)
    expected = probabilities(features, weights)
    np.testing.assert_allclose(answers["probabilities"], expected, rtol=0, atol=atol)
    np.testing.assert_allclose(answers["known"], known, rtol=0, atol=atol)
    return known


@pytest.mark.parametrize(("n", "height", "width"), [(1, 90, 31), (7, 32, 32), (3, 41, 57)])
def test_export__decoded_pictures_of_any_size__get_the_answers_of_encoder_and_adapter(
    adapter, encoder, of_pictures, n, height, width
):
    draw = np.random.default_rng(height)
    batch = draw.integers(0, 256, (n, height, width, 3), dtype=np.uint8)

    answers = outputs(of_pictures, batch)

    features = FrozenEncoder.load(str(encoder)).encode_images(batch)
    np.testing.assert_allclose(answers["features"], features, rtol=0, atol=1e-3)
    assert_answers_of(load_adapter(adapter).weights, features, answers, 1e-4)


def test_example__prints_what_predict_prints(of_pictures, adapter, unlabelled, run, monkeypatch):
    pictures = sorted(map(str, unlabelled.glob("*.png")))
    expected = [line.split("\t") for line in run("predict", adapter, *pictures).out.splitlines()]
    monkeypatch.setattr(sys, "argv", ["predict.py", str(of_pictures), *pictures])

    predictions = runpy.run_path(str(EXAMPLE))["predictions"]

    for ours, theirs in zip(predictions(str(of_pictures), pictures), expected, strict=True):
        assert ours[:2] == theirs[:2]
        assert float(ours[2]) == pytest.approx(float(theirs[2]), abs=2e-4)
        assert float(ours[3]) == pytest.approx(float(theirs[5]), abs=2e-4)


def test_export__that_answers_otherwise__is_not_written_over_what_is_there(
    run, adapter, tmp_path, monkeypatch
):
    file = tmp_path / "adapter.onnx"
    file.write_bytes(b"metaadapter.exported/1: what was there")

    def dishonest(content):
        ask = onnx_run(content)
        return lambda batch: [ask(batch)[0] + 0.01, *ask(batch)[1:]]

    make, content_of, _ = exporting.export_onnx.args
    export = functools.partial(exporting.export_onnx.func, make, content_of, dishonest)
    monkeypatch.setattr(exporting, "export_onnx", export)

    done = run("export", adapter, "--onnx", file)

    assert done.code == 4
    assert "was not written: its answers differ from those of PyTorch by up to 0.01 " in done.err
    assert file.read_bytes() == b"metaadapter.exported/1: what was there"
    assert [path.name for path in tmp_path.iterdir()] == ["adapter.onnx"]


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        ("", 2, "nothing to write: give --onnx or --tflite FILE, --frigate or --web FOLDER"),
        ("--frigate photos --tflite a.tflite", 2, "--frigate excludes --tflite"),
        ("--frigate nowhere", 2, "there is no folder nowhere to write model.tflite"),
        ("--onnx a.onnx --int8", 2, "it needs --onnx or --web, --pixels, and --pictures"),
        ("--onnx a.onnx --pictures photos", 2, "pictures; add --pixels"),
        (
            "--onnx a.onnx --encoder device=cpu",
            2,
            "device, which is as the adapter was made, or fixed",
        ),
        ("--onnx .", 2, "is a folder; give the name of a file"),
        ("--onnx nowhere/a.onnx", 2, "there is no folder nowhere"),
        (
            "--onnx a.onnx --pixels --int8 --pictures {unlabelled}",
            2,
            "predicted from, and --pictures has none of these",
        ),
        (
            "--onnx a.onnx --pixels --pictures photos",
            3,
            "none of the 1 pictures could be read",
        ),
    ],
)
def test_export__options_that_do_not_fit__tell_what_to_give_and_write_nothing(
    run, adapter, unlabelled, tmp_path, monkeypatch, options, code, reason
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")

    done = run("export", adapter, *(part.format(unlabelled=unlabelled) for part in options.split()))

    assert done.code == code
    assert reason in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_export__model_that_frigate_trained__is_not_replaced(run, adapter, tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"trained by Frigate")

    done = run("export", adapter, "--frigate", tmp_path)

    assert done.code == 3
    assert "model.tflite is not a file that --frigate has written" in done.err
