"""`make` and `.ci/run` on a bare machine, with stand-ins for interpreters and for make."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "sh", "awk", "cat", "cp", "dirname", "mkdir", "touch")
# Makes an environment that is a copy of itself, and writes down what else it is asked for.
INTERPRETER = """\
#!/bin/sh
case "$*" in
  "-m venv "*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; echo "venv $3" >> calls ;;
  *"import torch"*) test -e torch-is-here ;;
  "-m pip "*) echo "$*" >> calls; echo "pip asked" >&2 ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def machine(tmp_path):
    """A checkout's two entries, and a PATH of few programs, to which a test adds its own."""
    (tmp_path / "bin").mkdir()
    for name in TOOLS:
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    add(tmp_path, "uname", "#!/bin/sh\necho Linux\n")
    return tmp_path


def add(machine, name, script="#!/bin/sh\n"):
    path = machine / "bin" / name
    path.write_text(script)
    path.chmod(0o755)


def run(machine, *command, **environment):
    return subprocess.run(
        command,
        cwd=machine,
        env={"PATH": str(machine / "bin"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def install(machine, **environment):
    add(machine, "python3", INTERPRETER)
    done = run(machine, shutil.which("make"), ".venv/.installed", **environment)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_make__environment_is_there__is_filled_and_not_made_anew(machine):
    add(machine, "python3", INTERPRETER)
    run(machine, "python3", "-m", "venv", ".venv")

    install(machine)

    calls = (machine / "calls").read_text().splitlines()
    assert [call for call in calls if call.startswith("venv")] == ["venv .venv"]
    assert len([call for call in calls if " install " in call]) == 2


@pytest.fixture
def ci(machine):
    """Runs `.ci/run` with the given interpreters; returns what make was asked for."""
    add(machine, "make", '#!/bin/sh\necho "$*" >> made\ntest ! -e fails\n')

    def run_ci(*versions, free_gb=100):
        for version in versions:
            add(machine, f"python{version}")
        add(machine, "df", f"#!/bin/sh\necho head\necho disk 9 9 {free_gb}000000 1% /\n")
        done = run(machine, "bash", ".ci/run")
        made = machine / "made"
        return done, [
            (next(word for word in line.split() if word.startswith("VENV=")), line.split(" PY")[0])
            for line in (made.read_text().splitlines() if made.exists() else ())
        ]

    return run_ci


def test_ci__several_interpreters__tests_oldest_and_newest_and_lints_once(ci):
    done, made = ci("3.11", "3.12", "3.13")

    assert done.returncode == 0, done.stderr
    assert made == [
        ("VENV=.venv-3.11", "demo test test-slow"),
        ("VENV=.venv-3.13", "demo test"),
        ("VENV=.venv-3.11", "lint"),
    ]
