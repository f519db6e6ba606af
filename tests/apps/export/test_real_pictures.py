"""ONNX files on real photographs: as close as promised, and without PyTorch."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from metaadapter.apps.cli.app import main
from metaadapter.data.reader import DEMO
from metaadapter.features.encoders.frozen_encoder import FrozenEncoder

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

EXAMPLE = Path(__file__).parents[3] / "examples" / "onnx" / "predict.py"
NEEDED = ("onnxruntime", "numpy", "pillow")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", params=["tiny", "tiny-128"])
def exported(request, tmp_path_factory):
    """An encoder, an adapter for the demo's photographs, and its ONNX file."""
    folder = tmp_path_factory.mktemp("real")
    adapter, file = folder / "clothes", folder / "clothes.onnx"
    made = ["adapt", str(DEMO), "--out", str(adapter)]
    assert main([*made, "--encoder", request.param]) == 0
    assert main(["export", str(adapter), "--onnx", str(file), "--pixels"]) == 0
    return FrozenEncoder.load(request.param, device="cpu"), adapter, file


def test_example__in_an_environment_of_three_packages__labels_photographs(exported, tmp_path):
    _, _, file = exported
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *NEEDED], capture_output=True, text=True
    )
    if installed.returncode:
        pytest.skip(f"pip cannot install {', '.join(NEEDED)} here: {installed.stderr[-300:]}")
    pictures = sorted(map(str, (DEMO / "hat").iterdir()))
    without = "import importlib.util as u; print(u.find_spec('torch'), u.find_spec('metaadapter'))"

    def run(*arguments):
        # -E: a PYTHONPATH of whoever runs the tests is not of this environment.
        command = [python, "-E", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    absent, done = run("-c", without), run(EXAMPLE, file, *pictures)

    assert absent.stdout.split() == ["None", "None"]
    assert done.returncode == 0, done.stderr
    labels = [line.split("\t")[1] for line in done.stdout.splitlines()]
    assert len(labels) == len(pictures)
    assert labels.count("hat") > len(labels) / 2
