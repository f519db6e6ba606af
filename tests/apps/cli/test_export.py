"""`metaadapter export` as its user sees it."""

from __future__ import annotations

import json
import runpy
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import metaadapter.apps.export.onnx_model
from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.known import known_probabilities
from metaadapter.adapter.weights import probabilities
from metaadapter.apps.cli.app import main
from metaadapter.apps.cli.console import Console
from metaadapter.apps.export import exporting, tflite_model
from metaadapter.apps.export.checks import TOLERANCE
from metaadapter.apps.export.exporting import Exported
from metaadapter.data.decode import decode_image
from metaadapter.features.encoder import FrozenEncoder

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

EXAMPLE = Path(__file__).parents[3] / "examples" / "onnx" / "predict.py"


@pytest.fixture(scope="module")
def of_features(adapter, tmp_path_factory):
    """An ONNX file that takes features."""
    file = tmp_path_factory.mktemp("export") / "features.onnx"
    assert main(["export", str(adapter), "--onnx", str(file)]) == 0
    return file


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


@pytest.mark.parametrize("n", [1, 7, 64])
def test_export__features_in_batches_of_any_size__get_the_adapters_answers(adapter, of_features, n):
    stored = load_adapter(adapter)
    rows = np.random.default_rng(n).standard_normal((n, stored.config.width)).astype(np.float32)

    answers = outputs(of_features, rows)

    known = assert_answers_of(stored.weights, rows, answers, 1e-5)
    assert np.array_equal(answers["unfamiliar"], (known < stored.weights.reject_threshold).numpy())


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


def test_export__metadata__tell_what_it_is_and_no_path_of_this_machine(
    adapter, of_pictures, of_features
):
    stored = load_adapter(adapter)
    for file, takes in ((of_pictures, "pictures"), (of_features, "features")):
        model = onnx.load(file)
        onnx.checker.check_model(model, full_check=True)
        (entry,) = model.metadata_props

        facts = json.loads(entry.value)

        assert (entry.key, facts["schema"]) == ("metaadapter", "metaadapter.exported/1")
        assert facts["input"] == takes
        assert facts["classes"] == stored.config.classes == ["heron", "lynx", "red_fox"]
        assert facts["fingerprint"]["digest"] == stored.config.origin.fingerprint.digest
        assert facts["reject_threshold"] == float(stored.weights.reject_threshold)
        assert facts["largest_difference"] <= 1e-4
        assert facts["outputs"] == [output.name for output in model.graph.output]
        assert str(Path(metaadapter.__file__).parent).encode() not in file.read_bytes()


def test_example__prints_what_predict_prints(of_pictures, adapter, unlabelled, run, monkeypatch):
    pictures = sorted(map(str, unlabelled.glob("*.png")))
    expected = [line.split("\t") for line in run("predict", adapter, *pictures).out.splitlines()]
    monkeypatch.setattr(sys, "argv", ["predict.py", str(of_pictures), *pictures])

    predictions = runpy.run_path(str(EXAMPLE))["predictions"]

    for ours, theirs in zip(predictions(str(of_pictures), pictures), expected, strict=True):
        assert ours[:2] == theirs[:2]
        assert float(ours[2]) == pytest.approx(float(theirs[2]), abs=2e-4)
        assert float(ours[3]) == pytest.approx(float(theirs[5]), abs=2e-4)


def test_example__file_that_takes_features__tells_to_export_with_pixels(of_features):
    example = runpy.run_path(str(EXAMPLE))

    with pytest.raises(SystemExit, match="takes features; export it with --pixels"):
        list(example["predictions"](str(of_features), ["picture.png"]))


def test_example__transparent_and_turned_picture__is_decoded_as_here(tmp_path):
    path, exif = tmp_path / "turned.png", Image.Exif()
    exif[274] = 6
    draw = np.random.default_rng(0).integers(0, 256, (8, 5, 4), dtype=np.uint8)
    Image.fromarray(draw).save(path, exif=exif)

    (decoded,) = runpy.run_path(str(EXAMPLE))["decoded"](str(path))

    assert np.array_equal(decoded, np.asarray(decode_image(path)))


def test_export__that_answers_otherwise__is_not_written_over_what_is_there(
    run, adapter, tmp_path, monkeypatch
):
    file = tmp_path / "adapter.onnx"
    file.write_bytes(b"metaadapter.exported/1: what was there")
    honest = metaadapter.apps.export.onnx_model.onnx_run

    def dishonest(content):
        ask = honest(content)
        return lambda batch: [ask(batch)[0] + 0.01, *ask(batch)[1:]]

    monkeypatch.setattr(metaadapter.apps.export.onnx_model, "onnx_run", dishonest)

    done = run("export", adapter, "--onnx", file)

    assert done.code == 4
    assert "was not written: its answers differ from those of PyTorch by up to 0.01 " in done.err
    assert file.read_bytes() == b"metaadapter.exported/1: what was there"
    assert [path.name for path in tmp_path.iterdir()] == ["adapter.onnx"]


def test_export__package_missing__names_the_extra(run, adapter, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)

    done = run("export", adapter, "--onnx", tmp_path / "a.onnx")

    assert done.code == 5
    assert "pip install 'metaadapter[onnx]'" in done.err


@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        ("", 2, "nothing to write: give --onnx FILE"),
        ("--onnx a.onnx --int8", 2, "it needs --onnx or --web, --pixels, and --pictures"),
        ("--onnx a.onnx --pictures photos", 2, "pictures; add --pixels"),
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


@pytest.mark.slow
def test_export__torch_programs__answer_as_the_adapter_does(
    run, adapter, encoder, labelled, tmp_path
):
    stored, file = load_adapter(adapter), tmp_path / "pictures.pt2"
    batch = np.random.default_rng(0).integers(0, 256, (5, 70, 33, 3), dtype=np.uint8)
    features = torch.from_numpy(FrozenEncoder.load(str(encoder)).encode_images(batch))

    done = run("export", adapter, "--torch", file, "--pixels", "--pictures", labelled, "--json")

    assert done.code == 0, done.err
    facts = {"metaadapter.json": ""}
    program = torch.export.load(file, extra_files=facts).module()
    expected = probabilities(features, stored.weights).numpy()
    assert np.abs(program(torch.from_numpy(batch))[0].numpy() - expected).max() < 1e-4
    assert json.loads(facts["metaadapter.json"])["classes"] == stored.config.classes


@pytest.mark.slow
def test_export__int8__tells_what_it_loses_and_takes_less_room(
    run, adapter, labelled, of_pictures, tmp_path
):
    file = tmp_path / "small.onnx"
    more = ("--pixels", "--int8", "--pictures", labelled)

    done = run("export", adapter, "--onnx", file, *more, "--json")

    assert done.code == 0, done.err
    loss = done.document["files"][0]["int8_loss"]
    assert loss["before"]["n"] == loss["after"]["n"] == loss["same"]["n"] == 9
    assert loss["same"]["value"] > 0.5
    assert 0 < loss["moved"] < 0.2
    kinds = {tensor.data_type for tensor in onnx.load(file).graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    batch = np.zeros((1, 40, 40, 3), np.uint8)
    small, whole = (outputs(path, batch)["features"] for path in (file, of_pictures))
    assert np.abs(small - whole).max() < 0.2


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_export__tflite__answers_as_the_adapter_does_and_names_the_classes(
    run, adapter, encoder, labelled, tmp_path
):
    pytest.importorskip(
        "litert_torch", reason="the extra tflite is not installed", exc_type=ImportError
    )
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    stored, file = load_adapter(adapter), tmp_path / "wear.tflite"
    network = FrozenEncoder.load(str(encoder))

    done = run("export", adapter, "--tflite", file, "--pictures", labelled, "--json")

    assert done.code == 0, done.err
    assert done.document["files"][0]["form"] == "tflite"
    assert 0 < done.document["files"][0]["largest_difference"] < TOLERANCE
    runs = interpreter.Interpreter(str(file))  # TensorFlow's names, not those of the exporter
    runs.allocate_tensors()
    (taken,) = runs.get_input_details()
    picture = np.random.default_rng(0).integers(0, 256, taken["shape"], dtype=np.uint8)
    runs.set_tensor(taken["index"], picture)
    runs.invoke()
    answers = sorted(runs.get_output_details(), key=lambda one: one["name"])
    shares = runs.get_tensor(answers[0]["index"])
    features = torch.from_numpy(network.encode_images(picture))
    assert np.abs(shares - probabilities(features, stored.weights).numpy()).max() < 1e-4
    with zipfile.ZipFile(file) as archive:
        labels = archive.read("labels.txt").decode().splitlines()
        assert json.loads(archive.read("metaadapter.json"))["classes"] == labels
    assert labels == stored.config.classes


def test_export__tflite__counts_the_pictures_that_it_checks(
    run, adapter, labelled, tmp_path, monkeypatch
):
    def export(model, count, *, owner):  # LiteRT makes no difference to the number of cases
        for number, _ in enumerate(model.cases(), 1):
            count(number)
        return Exported(b"file", model.facts(0.0))

    @contextmanager
    def counting(*_):
        yield lambda done, total: counts.append((done, total))

    counts = []
    monkeypatch.setattr(exporting, "export_tflite", export)
    monkeypatch.setattr(tflite_model, "require_tflite", lambda: None)
    monkeypatch.setattr(Console, "counting", counting)

    done = run("export", adapter, "--tflite", tmp_path / "wear.tflite", "--pictures", labelled)

    assert done.code == 0, done.err
    assert counts[-1][0] == counts[-1][1] == len(counts)


def test_export__tflite_without_its_package__says_what_to_install(
    run, adapter, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "litert_torch", None)

    done = run("export", adapter, "--tflite", tmp_path / "wear.tflite")

    assert done.code == 5
    assert "pip install 'metaadapter[tflite]'" in done.err
    assert not [*tmp_path.iterdir()]
