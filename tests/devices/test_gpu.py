"""The commands with `device=cuda` on a machine that has one: `pytest -m gpu`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import metaadapter
from metaadapter.apps.cli.app import main
from metaadapter.apps.page.changes import add_classes, add_pictures
from metaadapter.apps.page.contents import Edit
from metaadapter.apps.page.project import open_project
from metaadapter.apps.page.session import Session
from metaadapter.bench.evaluation.config import EvaluationConfig
from metaadapter.bench.run import evaluate
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.training.config_file import load_config
from metaadapter.training.run import train
from tests.apps.page.conftest import entries_of

DEVICE = "cuda"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
PICTURES = Path(metaadapter.__file__).parent / "assets" / "demo" / "pictures"


@pytest.fixture
def run(capsys):
    """Runs a command on a device and returns its JSON."""

    def program(*arguments, device=DEVICE):
        code = main([*map(str, arguments), "--encoder", f"device={device}", "--json"])
        out, error = capsys.readouterr()
        assert code == 0, error
        return json.loads(out)

    return program


@pytest.fixture
def stores(run, tmp_path):
    """The demo's pictures, encoded on the GPU and on the CPU."""
    for device in (DEVICE, "cpu"):
        run("encode", PICTURES, "--out", tmp_path / device, device=device)
    return tmp_path / DEVICE, tmp_path / "cpu"


def test_encode__on_the_gpu__gives_the_features_of_the_cpu(stores):
    there, here = (FeatureStore.open(store) for store in stores)

    assert there.rows.pictures() == here.rows.pictures()
    np.testing.assert_allclose(there.mean_features()[0], here.mean_features()[0], atol=5e-3)


def test_adapt_and_predict__on_the_gpu__give_the_labels_of_the_cpu(run, tmp_path):
    labels = {}
    for device in (DEVICE, "cpu"):
        run("adapt", PICTURES, "--out", tmp_path / device, device=device)
        answers = run("predict", tmp_path / device, PICTURES, device=device)["predictions"]
        labels[device] = [answer["label"] for answer in answers]

    same = np.mean(np.array(labels[DEVICE]) == np.array(labels["cpu"]))
    assert same > 0.99


def test_evaluate__on_the_gpu__gives_the_accuracy_of_the_cpu(stores, tmp_path):
    config = EvaluationConfig(
        stores=(str(stores[1]),), methods=("default", "GDA", "Tip-Adapter"), shots=(1,), seeds=2
    )
    there, here = (
        evaluate(config, tmp_path / f"of-{device}", device=device).rows["accuracy"]
        for device in (DEVICE, "cpu")
    )

    np.testing.assert_allclose(there, here, atol=0.02)


def test_train__on_the_gpu__reaches_the_loss_of_the_cpu(tiny_run, tmp_path):
    config, text = load_config(tiny_run), tiny_run.read_text()
    there, here = (
        train(tmp_path / device, config, config_text=text, device=device).best.mean_loss
        for device in (DEVICE, "cpu")
    )

    assert there == pytest.approx(here, rel=0.05)


def test_serve__on_the_gpu__answers_as_on_the_cpu(tmp_path):
    files = sorted(PICTURES.glob("*/*.jpg"))[::4]
    names = sorted({file.parent.name for file in files})

    def answers(device):
        load = partial(load_encoder, device=device)
        with open_project(tmp_path / device, "gpu", "tiny", load) as project:
            ids = {project.pictures.keep(file.read_bytes()): file for file in files}
            classes = {f"{number:x}": name for number, name in enumerate(names)}
            labels = {  # of every second picture
                key: (f"{names.index(file.parent.name):x}",) for key, file in [*ids.items()][::2]
            }
            project.history.make(Edit("classes", add_classes(project.history.contents, classes)))
            pictures = entries_of({key: file.name for key, file in ids.items()})
            project.history.make(
                Edit("pictures", add_pictures(project.history.contents, pictures, labels))
            )
            with Session(project) as session:
                results = session.wait_for_results()
                while len(results.answers) < len(ids) - len(labels):
                    results = session.wait_for_results()
                return {key: answer.label for key, answer in results.answers.items()}

    assert answers(DEVICE) == answers("cpu")
