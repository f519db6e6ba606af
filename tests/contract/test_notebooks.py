"""The notebooks of the tutorials: their form, and in a fresh kernel what they find."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tomllib

import pytest

from tests.contract.test_docs_blocks import ROOT
from tools import notebooks
from tools.notebooks import NETWORK, TUTORIALS

PAGES = sorted(TUTORIALS.glob("*.md"))
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"][
    "optional-dependencies"
]
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


def read(page):
    return json.loads(page.with_suffix(".ipynb").read_text("utf-8"))


def words(text):
    return re.findall(r"\w+", re.sub(r"\]\([^)]*\)", "", text))


def code_cells(document):
    return [cell for cell in document["cells"] if cell["cell_type"] == "code"]


def test_notebook__is_what_the_tool_makes_of_the_page(page):
    assert page.with_suffix(".ipynb").read_text("utf-8") == notebooks.notebook(page), (
        "run `python -m tools.notebooks`"
    )


def test_notebooks__each_has_a_page_and_checked_results():
    assert sorted(TUTORIALS.glob("*.ipynb")) == [page.with_suffix(".ipynb") for page in PAGES]
    assert RESULTS.keys() == {page.stem for page in PAGES}


def test_notebook__is_valid_and_has_no_outputs(page):
    nbformat = pytest.importorskip("nbformat", reason="needs the dependency group test")
    document = read(page)

    nbformat.validate(document)
    assert all(cell["outputs"] == [] for cell in code_cells(document))
    assert all(cell["execution_count"] is None for cell in code_cells(document))


def test_notebook__begins_with_a_badge_and_installs_extras_that_exist(page):
    document = read(page)
    install = "".join(code_cells(document)[0]["source"])
    first = "".join(document["cells"][0]["source"])

    assert re.search(rf"\]\({notebooks.COLAB}/docs/tutorials/{page.stem}\.ipynb\)", first)
    (extras,) = re.findall(r'"metaadapter\[([\w,]+)\]"', install)
    assert set(extras.split(",")) <= EXTRAS.keys()


def test_notebook__has_the_words_of_its_page(page):
    text = page.read_text("utf-8")
    cells = [cell for cell in read(page)["cells"] if cell["cell_type"] == "markdown"]
    prose = "\n".join("".join(cell["source"]) for cell in cells)

    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    outside = "".join(part for part in sections if not part.startswith("## Install\n"))
    for left_out in (r"^```.*?^```$", r"^\[Open in Colab\].*?\n\n", r"^!\[.*?\)$"):
        outside = re.sub(left_out, "", outside, flags=re.MULTILINE | re.DOTALL)
    found = iter(words(prose))
    assert [word for word in words(outside) if word not in found] == []


def test_notebook__code_compiles_and_names_commands_that_exist(page):
    pytest.importorskip("IPython", reason="needs the dependency group test")
    from IPython.core.inputtransformer2 import TransformerManager
    from typer.main import get_command

    from metaadapter.apps.cli.app import app

    commands = get_command(app).commands
    for cell in code_cells(read(page)):
        source = "".join(cell["source"])
        code = source.partition("\n")[2] if source.startswith("%%writefile") else source
        compile(TransformerManager().transform_cell(code), page.stem, "exec")
        for line in re.findall(r"^!metaadapter (.*)$", source, re.MULTILINE):
            name, *arguments = shlex.split(line, comments=True)
            options = {option for one in commands[name].params for option in one.opts}
            assert {word for word in arguments if word.startswith("--")} <= options


def test_links__of_a_page__lead_from_colab_to_the_files(page):
    targets = re.findall(
        rf"\]\({notebooks.FILES}/([^)?#]+)", page.with_suffix(".ipynb").read_text("utf-8")
    )

    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_notebook__in_a_fresh_kernel__finds_what_its_page_says(page, tmp_path, fonts, monkeypatch):
    for package in ("nbformat", "nbclient", "ipykernel"):
        pytest.importorskip(package, reason="needs the dependency group test")
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
