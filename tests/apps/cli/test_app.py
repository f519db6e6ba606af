from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import warnings
from pathlib import Path

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
        monkeypatch.setattr("metaadapter.apps.cli.doctor.all_checks", do)
        monkeypatch.setattr(sys, "argv", ["metaadapter", "doctor", "--json"])

    return arrange


def program(code, **options):
    """A process in which the command line is imported and some code runs."""
    code = f"import sys; from metaadapter.apps.cli.app import main; {code}"
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.Popen([sys.executable, "-c", code], **options)


def test_main__no_arguments__shows_the_commands(run):
    result = run()

    assert result.code == 0
    commands = (
        "demo encode adapt add predict rank export push serve study train evaluate report doctor"
    )
    for command in commands.split():
        assert f"\n  {command} " in result.out
    assert "...\n" not in result.out.split("Commands:")[1]  # no sentence is cut
    assert result.err == ""


def test_main__version__is_printed(run):
    assert run("--version").out.startswith("metaadapter 0.")


@pytest.mark.parametrize(
    ("arguments", "reasons"),
    [
        ("encode --colour", ["--colour", "`metaadapter encode --help`"]),
        ("predcit", ["predcit"]),
        (
            "adapt pictures --out adapter --precision fp8",
            ["'--precision': 'fp8' is not one of 'fp32', 'bf16', 'fp16'"],
        ),
        (
            "encode pictures --out store --views 0",
            ["'--views': Input should be greater than or equal to 1, got '0'"],
        ),
        ("adapt pictures --out=", ["'--out' / '-o': an empty text is no path"]),
        ("doctor --places", ["See `metaadapter doctor --help`."]),
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
    ("arguments", "error"),
    [
        (["--debug", "doctor"], RuntimeError("the moon is full")),
        (["doctor"], RuntimeError("the moon is full")),
        (["--debug", "doctor"], PermissionError(errno.EACCES, "no")),
        (["--debug", "doctor"], MemoryError()),
    ],
    ids=["option", "environment", "permission", "memory"],
)
def test_main__error_with_debug__is_raised(monkeypatch, doctor_does, arguments, error):
    doctor_does(error)
    if arguments == ["doctor"]:
        monkeypatch.setenv("METAADAPTER_DEBUG", "1")

    with pytest.raises(type(error)) as raised:
        main(arguments)

    assert raised.value is error


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


def test_program__interrupted_again_while_it_tidies_up__tidies_up_to_the_end():
    code = """
import importlib, signal
doctor = importlib.import_module("metaadapter.apps.cli.doctor")

def interrupted_twice():
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.raise_signal(signal.SIGINT)
        print("tidied up")

doctor.all_checks = interrupted_twice
sys.argv[1:] = ["doctor"]
sys.exit(main())
"""

    process = program(code)

    assert process.communicate() == ("tidied up\n", "error: interrupted\n")
    assert process.returncode == 130


def test_program__interrupted_while_a_thread_decodes__does_not_wait_for_it():
    code = """
import importlib, signal, threading
from concurrent.futures import ThreadPoolExecutor
from metaadapter.__main__ import main
doctor = importlib.import_module("metaadapter.apps.cli.doctor")

def interrupted():
    ThreadPoolExecutor(1).submit(threading.Event().wait, 60).add_done_callback(
        lambda _: print("decoded", flush=True)
    )
    signal.raise_signal(signal.SIGINT)

doctor.all_checks = interrupted
sys.argv[1:] = ["doctor"]
sys.exit(main())
"""
    process = program(code)

    assert process.communicate() == ("", "error: interrupted\n")
    assert process.returncode == 130


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without SIGHUP")
@pytest.mark.parametrize("module", ["typer", "metaadapter.apps.cli.app", "torch"])
@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGINT, signal.SIGINT)])
def test_program__interrupted_while_it_loads__ends_with_one_line(module, numbers, tmp_path):
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

    assert process.returncode == 130
    assert process.stderr.startswith("error: interrupted")
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


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_main__no_color__is_respected(run, monkeypatch, terminal, no_color, coloured):
    monkeypatch.setenv("NO_COLOR", no_color)

    result = run("encode", "--colour")

    assert ("\x1b[" in result.err) is coloured


def test_main__help_and_usage_errors__load_no_heavy_package():
    process = program(
        "main(['adapt', '--help']); main(['predict']); "
        "print(sorted({'torch', 'numpy', 'open_clip', 'sklearn'} & set(sys.modules)))"
    )

    assert process.communicate()[0].endswith("\n[]\n")
    assert process.returncode == 0


@pytest.mark.slow
def test_adapt_and_predict__load_no_scikit_learn(labelled, encoder, tmp_path):
    adapt = ["adapt", str(labelled), "--out", str(tmp_path / "a"), "--encoder", str(encoder)]
    predict = ["predict", str(tmp_path / "a"), str(labelled)]

    process = program(
        f"codes = main({adapt}), main({predict}); print(codes, 'sklearn' in sys.modules)"
    )

    assert process.communicate()[0].endswith("\n(0, 0) False\n")
    assert process.returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_main__output_on_a_full_disk__ends_with_3_and_says_so():
    with Path("/dev/full").open("w") as full:
        process = program("sys.exit(main(['--help']))", stdout=full)

        _, errors = process.communicate()

    assert process.returncode == 3
    assert errors == "error: cannot write the output: No space left on device; free some space\n"


def test_main__reader_of_the_output_left__ends_quietly():
    process = program("sys.exit(main(['--help']))")
    process.stdout.close()

    errors = process.stderr.read()
    process.stderr.close()

    assert (process.wait(), errors) == (0, "")


def test_main__code_of_ones_own_ends_the_program__ends_with_its_code(doctor_does):
    doctor_does(SystemExit(7))

    with pytest.raises(SystemExit, match="7"):
        main(["doctor"])


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


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without SIGHUP")
@pytest.mark.parametrize(
    ("numbers", "code"),
    [
        (["SIGINT", "SIGINT"], None),
        (["SIGINT", "SIGINT", "SIGINT"], 130),
        (["SIGTERM", "SIGINT"], None),
        (["SIGTERM", "SIGTERM"], 143),
        (["SIGINT", "SIGHUP"], 129),
    ],
)
def test_program__that_does_not_end_at_a_signal__ends_at_once_at_a_later_one(
    monkeypatch, doctor_does, default_signals, numbers, code
):
    def end(code):
        raise SystemExit(code)

    class Deaf:
        def __del__(self):  # an error in here is lost
            signal.raise_signal(getattr(signal, numbers[0]))

    def go_on():
        Deaf()
        for number in numbers[1:]:
            signal.raise_signal(getattr(signal, number))
        return []

    monkeypatch.setattr("sys.unraisablehook", lambda _lost: None)
    monkeypatch.setattr("os._exit", end)
    doctor_does(go_on)

    if code is None:
        assert main() == 0
    else:
        with pytest.raises(SystemExit, match=str(code)):
            main()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without SIGHUP")
def test_program__of_nohup__goes_on_after_sighup(doctor_does, default_signals):
    def hang_up():
        signal.raise_signal(signal.SIGHUP)
        return []

    doctor_does(hang_up)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    assert main() == 0
