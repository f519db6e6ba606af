from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import warnings

import pytest

from metaadapter.apps.cli.app import main
from metaadapter.errors import MissingPackage


@pytest.fixture
def default_signals():
    """The signals as a program finds them when a shell starts it in the foreground."""
    defaults = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in defaults.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def doctor_does(monkeypatch):
    """Lets `metaadapter doctor` do something else, or raise an error."""

    def arrange(action):
        def fail():
            raise action

        do = fail if isinstance(action, BaseException) else action
        monkeypatch.setattr("metaadapter.apps.cli.commands.doctor.all_checks", do)
        monkeypatch.setattr(sys, "argv", ["metaadapter", "doctor", "--json"])

    return arrange


def program(code, **options):
    """A process in which the command line is imported and some code runs."""
    code = f"import sys; from metaadapter.apps.cli.app import main; {code}"
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([sys.executable, "-c", code], **options)


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        ("encode --colour", ["--colour", "`metaadapter encode --help`"]),
        ("predcit", ["predcit"]),
        (
            "adapt pictures --out adapter --mode slow",
            ["'--mode': 'slow' is not one of 'one_shot', 'finetune'"],
        ),
        (
            "encode pictures --out store --workers 0",
            ["'--workers': Input should be greater than or equal to 1, got '0'"],
        ),
        ("adapt pictures --out=", ["'--out' / '-o': an empty text is no path"]),
        ("doctor --verify", ["See `metaadapter doctor --help`."]),
    ],
)
def test_main__usage_that_is_wrong__ends_with_2_and_says_why(run, arguments, reasons):
    result = run(*arguments.split())

    assert (result.code, result.out) == (2, "")
    for reason in reasons:
        assert reason in result.err


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        (["adapt", "", "--out", "x"], "[SUPPORT]"),
        (["predict", "adapter", "pictures", ""], "IMAGES"),
        (["library", "add", "", "adapter"], "LIBRARY"),
    ],
)
def test_main__empty_path__is_refused_and_not_the_current_folder(run, arguments, parameter):
    result = run(*arguments)

    assert result.code == 2
    assert f"'{parameter}': an empty text is no path" in result.err


def test_main__error_with_json__is_one_document_on_stdout(run):
    result = run("adapt", "nowhere", "--out", "adapter", "--colour", "--json")

    assert result.document["schema"] == "metaadapter.error/1"
    assert set(result.document["error"]) == {"kind", "message", "exit_code"}
    assert result.document["error"]["kind"] == "usage"
    assert result.document["error"]["exit_code"] == result.code == 2


def test_main__unexpected_error__is_one_line_and_tells_how_to_see_more(run, doctor_does):
    doctor_does(RuntimeError("the moon is full"))

    result = run("doctor")

    assert result.code == 1
    assert result.err.count("\n") == 1
    for words in ("RuntimeError: the moon is full", "--debug", "METAADAPTER_DEBUG"):
        assert words in result.err


@pytest.mark.parametrize(
    ("error", "code", "kind", "reason"),
    [
        (MissingPackage("pip install pyarrow"), 5, "missing-package", "pip install pyarrow"),
        (KeyboardInterrupt(), 130, "interrupted", ""),
        (OSError(errno.EIO, "broken", "birds/a.jpg"), 3, "data", "birds/a.jpg"),
        (MemoryError(), 3, "data", ""),
    ],
    ids=["package", "interrupted", "device", "memory"],
)
def test_main__error_that_is_no_fault_of_the_program__ends_with_its_code(
    run, doctor_does, error, code, kind, reason
):
    doctor_does(error)

    result = run("doctor", "--json")

    assert result.document["error"]["exit_code"] == result.code == code
    assert result.document["error"]["kind"] == kind
    assert reason in result.err
    assert "bug of metaadapter" not in result.err


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without SIGHUP")
@pytest.mark.parametrize("module", ["typer", "metaadapter.apps.cli.app", "torch"])
@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGINT, signal.SIGINT)])
def test_program__interrupted_while_it_loads__ends_without_a_traceback(module, numbers, tmp_path):
    code = f"""
import runpy, signal, sys

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            for number in {[*map(int, numbers)]}:
                signal.raise_signal(number)

sys.meta_path.insert(0, Interrupt())
sys.argv[1:] = ["encode", {str(tmp_path)!r}, "--out", "x"]
runpy.run_module("metaadapter", run_name="__main__", alter_sys=True)
"""
    (tmp_path / "1.png").write_bytes(b"a picture")

    process = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
    )

    assert process.returncode in (130, -signal.SIGINT)
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("category", "shown"),
    [(UserWarning, "warning: this version is newer\n"), (DeprecationWarning, "")],
)
def test_main__warning_of_a_library__is_one_calm_line(run, doctor_does, category, shown):
    def warn():
        warnings.warn("this version\nis newer", category, stacklevel=1)
        return []

    doctor_does(warn)

    assert run("doctor").err == shown


def test_main__help_and_usage_errors__load_no_heavy_package():
    process = program(
        "main(['adapt', '--help']); main(['predict']); "
        "print(sorted({'torch', 'numpy', 'open_clip', 'sklearn'} & set(sys.modules)))"
    )

    assert process.communicate()[0].endswith("\n[]\n")
    assert process.returncode == 0


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without SIGHUP")
@pytest.mark.parametrize(
    ("number", "code", "kind"), [("SIGTERM", 143, "terminated"), ("SIGHUP", 129, "hung-up")]
)
def test_program__ended_by_a_signal__tells_which(
    capsys, doctor_does, default_signals, number, code, kind
):
    doctor_does(lambda: signal.raise_signal(getattr(signal, number)))

    assert main() == code

    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["kind"], error["exit_code"]) == (kind, code)
