"""`metaadapter bundle` as its user sees it, with a stand-in for the interpreter and its pip."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from types import SimpleNamespace

import pytest

from metaadapter.files.checksums import check_files
from tests.apps.cli.test_documented_json import agrees
from tests.fake_hub import hub_for_tests

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the stand-in is a script of sh")
HERE = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
# Makes an environment that is a copy of itself, and writes down what its pip is asked for.
INTERPRETER = """\
#!/bin/sh
cd "FOLDER"
case "$*" in
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  *) test -e fails && { echo "no such index" >&2; exit 1; }
     for last in "$@"; do :; done
     echo "$last" >> asked
     while [ "$1" != --wheel-dir ]; do shift; done
     echo wheel > "$2/metaadapter-0.1.0-py3-none-any.whl" ;;
esac
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """The folder of an interpreter whose metaadapter is from an index."""
    folder = tmp_path / "machine"
    folder.mkdir()
    (folder / "python").write_text(INTERPRETER.replace("FOLDER", str(folder)))
    (folder / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    install_from(monkeypatch, None)
    return folder


def install_from(monkeypatch, place):
    """Let the metaadapter that runs be from a place, as pip writes it down, or from an index."""
    text = None if place is None else json.dumps(place)
    distribution = SimpleNamespace(version="0.1.0", read_text=lambda _name: text)
    monkeypatch.setattr(metadata, "distribution", lambda _name: distribution)


@pytest.mark.parametrize(
    ("place", "requirement"),
    [
        (None, "metaadapter[serve]==0.1.0"),
        ({"url": "file:///home/me/copy"}, "metaadapter[serve] @ file:///home/me/copy"),
        (
            {"url": "https://x.org/m", "vcs_info": {"vcs": "git", "commit_id": "5e"}},
            "metaadapter[serve] @ git+https://x.org/m@5e",
        ),
    ],
)
def test_bundle__wheels__are_those_of_the_metaadapter_that_runs(
    run, machine, monkeypatch, tmp_path, place, requirement
):
    install_from(monkeypatch, place)

    done = run("bundle", tmp_path / "out", "--json")

    assert agrees(done.document, "metaadapter.bundle/1")
    assert (machine / "asked").read_text().splitlines() == [requirement]
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        *("README.txt", "install.py", "wheels")
    }
    assert f"{HERE}. Copy" in (tmp_path / "out" / "README.txt").read_text()
    assert done.document["n_wheels"] == 1


@pytest.mark.parametrize("is_named", [False, True])
def test_bundle__encoder__is_copied_with_hashes(
    run, machine, monkeypatch, encoder, tmp_path, is_named
):
    with hub_for_tests(monkeypatch, tmp_path) as hub:
        files = {file.name: file.read_bytes() for file in encoder.iterdir()}
        hub.put("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", files)
        name = "ViT-B-32/laion2b_s34b_b79k" if is_named else encoder
        assert run("bundle", tmp_path / "first", "--encoder", name).code == 0
    # What a bundle has is an encoder, too.
    done = run("bundle", tmp_path / "out", "--encoder", tmp_path / "first" / "encoder")

    assert done.code == 0, done.err
    copied = tmp_path / "out" / "encoder"
    assert {
        file.name: file.read_bytes() for file in copied.iterdir() if file.name != "bundle.json"
    } == files
    assert {path for path, fault in check_files(tmp_path / "out") if fault == ""} == {
        *copied.iterdir(),
        *(tmp_path / "out" / "wheels").iterdir(),
    }
    assert "metaadapter[hf,serve]" in (machine / "asked").read_text()
    assert "--encoder and the path" in (tmp_path / "out" / "README.txt").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("full", "full exists already; give the name of a new folder"),
        ("out --encoder tiny", "Every bundle has tiny"),
        ("out --encoder tiny+timm:resnet18", "no one folder of weights"),
    ],
)
def test_bundle__what_it_cannot_write__is_refused_before_pip_is_asked(
    run, machine, monkeypatch, tmp_path, words, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()

    result = run("bundle", *words.split())

    assert result.code == 2
    assert message in result.err
    assert not (machine / "asked").exists()


def test_bundle__pip_fails__says_what_to_do_and_leaves_nothing(run, machine, tmp_path):
    (machine / "fails").touch()

    result = run("bundle", tmp_path / "out")

    assert result.code == 3
    assert "on a machine with a network" in result.err
    assert "pip says:\n  no such index" in result.err
    assert [*tmp_path.iterdir()] == [machine]


def test_bundle__interrupted__leaves_nothing(run, machine, monkeypatch, encoder, tmp_path):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfile", interrupt)

    assert run("bundle", tmp_path / "out", "--encoder", encoder).code == 130
    assert [*tmp_path.iterdir()] == [machine]


def write_wheel(folder, name, *facts):
    """Write a wheel without a module."""
    info = f"{name}-0.1.0.dist-info"
    about = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 0.1.0", *facts, ""]
    with zipfile.ZipFile(folder / f"{name}-0.1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "\n".join(about))
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.slow
def test_bundle__install__takes_its_wheels_alone_and_replaces_an_earlier_one(
    run, monkeypatch, tmp_path
):
    index = tmp_path / "index"
    index.mkdir()
    extra = ("Provides-Extra: serve", "Requires-Dist: ofserve; extra == 'serve'")
    write_wheel(index, "metaadapter", *extra)
    write_wheel(index, "ofserve")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    plain["PIP_CONFIG_FILE"] = os.devnull
    for name, value in {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": index}.items():
        monkeypatch.setenv(f"PIP_{name}", str(value))
    install_from(monkeypatch, None)
    assert run("bundle", tmp_path / "out").code == 0
    moved = (tmp_path / "out").rename(tmp_path / "moved there")
    (moved / "venv" / "old").mkdir(parents=True)

    command = [sys.executable, moved / "install.py"]
    subprocess.run(command, env=plain, cwd=tmp_path, check=True, capture_output=True)

    assert not (moved / "venv" / "old").exists()
    (packages,) = moved.glob("venv/lib/python*/site-packages")
    assert {file.stem for file in packages.glob("*.dist-info")} >= {
        *("metaadapter-0.1.0", "ofserve-0.1.0")
    }
    script = moved / "install.py"
    script.write_text(script.read_text().replace(HERE, "Python 9.9"))
    refused = subprocess.run(command, env=plain, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "Python 9.9, and this is" in refused.stderr
