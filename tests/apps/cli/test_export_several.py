"""`export` of adapters of several labels: the files answer as `predict` does."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from metaadapter.workflow.several_estimator import SeveralLabelsClassifier
from tests.apps.cli.conftest import Run
from tests.apps.cli.test_export import EXAMPLE, outputs

onnx = pytest.importorskip("onnx")


@pytest.fixture
def winter(adapt: Callable[..., Run], manifest: Path, tmp_path: Path) -> Path:
    assert adapt(manifest, "--several", "all").code == 0
    return tmp_path / "adapter"


def test_features_get_probabilities_and_labels_of_the_estimator(
    run: Callable[..., Run], winter: Path, tmp_path: Path
) -> None:
    file, classifier = tmp_path / "features.onnx", SeveralLabelsClassifier.load(winter)
    rows = np.random.default_rng(0).standard_normal((64, classifier.n_features_in_))
    assert run("export", winter, "--onnx", file).code == 0
    answers = outputs(file, rows.astype(np.float32))
    np.testing.assert_allclose(answers["probabilities"], classifier.predict_proba(rows), atol=1e-5)
    np.testing.assert_array_equal(answers["shown"], classifier.predict(rows) == 1)
    (entry,) = onnx.load(file).metadata_props
    facts = json.loads(entry.value)
    assert facts["outputs"] == ["probabilities", "shown"]
    np.testing.assert_allclose(facts["label_thresholds"], classifier.thresholds_, rtol=1e-6)


@pytest.mark.slow
def test_the_example_prints_what_predict_prints(
    run: Callable[..., Run], winter: Path, manifest: Path, tmp_path: Path
) -> None:
    file, pictures = tmp_path / "pictures.onnx", sorted(map(str, manifest.parent.glob("*.png")))
    made = run("export", winter, "--onnx", file, "--pixels", "--pictures", manifest.parent)
    assert made.code == 0, made.err
    wanted = [line.split("\t") for line in run("predict", winter, *pictures).out.splitlines()]
    assert len({cells[1] for cells in wanted}) > 3
    predictions = runpy.run_path(str(EXAMPLE))["predictions"]
    for ours, theirs in zip(predictions(str(file), pictures), wanted, strict=True):
        assert ours[:2] == theirs[:2]
        assert float(ours[2]) == pytest.approx(float(theirs[2]), abs=2e-4)
