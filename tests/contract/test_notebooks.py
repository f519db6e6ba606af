"""The notebooks of the tutorials: their form, and in a fresh kernel what they find."""

from __future__ import annotations

import json
import re
import sys

import pytest

from tests.contract.test_docs_blocks import ROOT
from tools import notebooks
from tools.notebooks import NETWORK, TUTORIALS

PAGES = sorted(TUTORIALS.glob("*.md"))
# Must hold at the end of a notebook, beside what its page says of its results.
RESULTS = {
    "first-classifier": """
        truth = [path.split("/")[-1].split("-")[0] for path in answers.path]
        assert (answers.label == truth).sum() >= 8
    """,
    "camera-traps": """
        assert (animals.shown.replace("no animal", "empty") == animals.label).all()
        before = pandas.read_csv("next.csv").assign(shown=answers.shown)
        boars = before[(before.shown == "boar") & (before.confidence > 0.5)]
        assert len(boars) == 18
        assert (boars.unfamiliar == "yes").all()
        assert labelled.label.value_counts().to_dict()["boar"] == 2
    """,
    "beat-our-benchmark": """
        assert (table > 20).all(axis=None)  # chance is 10
        assert (table[4] > table[1]).all()
        assert 1 < table.at["mine.py:text_and_mean", 4] - table.at["text + mean", 4] < 5
    """,
    "your-own-encoder": """
        means = accuracy.mean()
        assert difference < 1e-3
        assert 10 < means["random ResNet"] < 20
        assert 25 < means["colours and edges"] < 35
        assert 60 < means["tiny"] < 72
    """,
    "from-adapter-to-phone": """
        assert min(right.values()) >= 36
        assert same["wear.onnx"] == 40
        assert size["wear-small.onnx"] < 8
    """,
}
# Nothing leaves the kernel's machine; programs that it starts meet a proxy that is not there.
NO_NETWORK = """
import socket

def _connect(self, address, connect=socket.socket.connect):
    if self.family != socket.AF_UNIX and address[0] not in {"127.0.0.1", "::1", "localhost"}:
        raise RuntimeError(f"a notebook tried to reach {address[0]}")
    return connect(self, address)

socket.socket.connect = _connect
"""


def stem(page):
    return page.stem


@pytest.fixture(params=PAGES, ids=stem)
def page(request):
    return request.param


def code_cells(document):
    return [cell for cell in document["cells"] if cell["cell_type"] == "code"]


def test_notebook__is_what_the_tool_makes_of_the_page(page):
    assert page.with_suffix(".ipynb").read_text("utf-8") == notebooks.notebook(page), (
        "run `python -m tools.notebooks`"
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_notebook__in_a_fresh_kernel__finds_what_its_page_says(page, tmp_path, fonts, monkeypatch):
    for package in ("nbformat", "nbclient", "ipykernel"):
        pytest.importorskip(package, reason="needs the dependency group test-slow")
    pytest.importorskip("matplotlib", reason="needs the extra report")
    if page.stem == "from-adapter-to-phone":
        for package in ("onnxruntime", "onnxscript"):
            pytest.importorskip(package, reason="needs the extra onnx")
    import nbformat
    from nbclient import NotebookClient

    prepare(tmp_path, fonts, monkeypatch)
    document = nbformat.read(page.with_suffix(".ipynb"), as_version=4)
    document.cells = [
        cell for cell in document.cells if NETWORK not in cell.metadata.get("tags", [])
    ]
    for cell in document.cells:
        if cell.cell_type == "code" and cell.source.startswith("!"):
            cell.source += "\nassert _exit_code == 0, _exit_code"
    document.cells.append(
        nbformat.v4.new_code_cell(re.sub(r"^ {8}", "", RESULTS[page.stem], flags=re.M))
    )

    folder = tmp_path / "a user's folder"
    folder.mkdir()
    NotebookClient(
        document, kernel_name="python3", timeout=500, resources={"metadata": {"path": folder}}
    ).execute()

    shown = [output for cell in code_cells(document) for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in shown)


@pytest.fixture(scope="module")
def fonts(tmp_path_factory):
    """The folder in which matplotlib lists the fonts of the machine, which takes long."""
    return tmp_path_factory.mktemp("matplotlib")


def prepare(folder, fonts, monkeypatch):
    """The kernel and the commands are of this environment, and reach no network."""
    kernel = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": command, "display_name": "", "language": "python"}))
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "no_network.py").write_text(NO_NETWORK)
    program = folder / "bin" / "metaadapter"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m metaadapter "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=":")
    for name, value in {
        "IPYTHONDIR": startup.parents[1],
        "JUPYTER_PATH": folder / "jupyter",  # before a kernel of the user's or the machine's
        "JUPYTER_DATA_DIR": folder / "jupyter",
        "JUPYTER_CONFIG_DIR": folder / "jupyter",
        "MPLCONFIGDIR": fonts,
        "JUPYTER_RUNTIME_DIR": folder / "runtime",
        "JUPYTER_PLATFORM_DIRS": 1,
        "PYDEVD_DISABLE_FILE_VALIDATION": 1,
        "HF_HUB_OFFLINE": 1,
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, str(value))
