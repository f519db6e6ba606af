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

PROGRAM = [sys.executable, "-c", "import sys; from metaadapter.apps.cli.app import main; "]


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


def fail_doctor(monkeypatch, action):
    """Let `metaadapter doctor` do something else."""
    import metaadapter.apps.cli.doctor

    monkeypatch.setattr(metaadapter.apps.cli.doctor, "all_checks", action)


def raiser(error):
    def action():
        raise error

    return action


def test_main__no_arguments__shows_the_commands(run):
    result = run()

    assert result.code == 0
    for command in (
        "demo",
        "encode",
        "adapt",
        "add",
        "predict",
        "rank",
        "export",
        "serve",
        "study",
        "train",
        "evaluate",
        "report",
        "doctor",
    ):
        assert f"\n  {command} " in result.out
    assert "...\n" not in result.out.split("Commands:")[1]  # no sentence is cut
    assert result.err == ""


def test_main__version__is_printed(run):
    assert run("--version").out.startswith("metaadapter 0.")


def test_main__unknown_option__ends_with_2_and_points_to_the_help(run):
    result = run("encode", "--colour")

    assert result.code == 2
    assert result.out == ""
    assert "--colour" in result.err
    assert "`metaadapter encode --help`" in result.err


def test_main__unknown_command__ends_with_2(run):
    assert run("predcit").code == 2


def test_main__value_that_is_no_choice__lists_the_choices(run):
    result = run("adapt", "pictures", "--out", "adapter", "--precision", "fp8")

    assert result.code == 2
    assert "'--precision': 'fp8' is not one of 'fp32', 'bf16', 'fp16'" in result.err


def test_main__number_out_of_range__names_option_range_and_value(run):
    result = run("encode", "pictures", "--out", "store", "--views", "0")

    assert result.code == 2
    assert "'--views': Input should be greater than or equal to 1, got '0'" in result.err


def test_main__error_with_json__is_one_document_on_stdout(run):
    result = run("adapt", "nowhere", "--out", "adapter", "--colour", "--json")

    assert result.document["schema"] == "metaadapter.error/1"
    assert set(result.document["error"]) == {"kind", "message", "exit_code"}
    assert result.document["error"]["kind"] == "usage"
    assert result.document["error"]["exit_code"] == result.code == 2


def test_main__unexpected_error__is_one_line_and_tells_how_to_see_more(run, monkeypatch):
    fail_doctor(monkeypatch, raiser(RuntimeError("the moon is full")))

    result = run("doctor")

    assert result.code == 1
    assert result.err.count("\n") == 1
    assert "RuntimeError: the moon is full" in result.err
    assert "--debug" in result.err
    assert "METAADAPTER_DEBUG" in result.err


def test_main__unexpected_error_with_debug__is_raised(monkeypatch):
    fail_doctor(monkeypatch, raiser(RuntimeError("the moon is full")))

    with pytest.raises(RuntimeError, match="the moon is full"):
        main(["--debug", "doctor"])


def test_main__unexpected_error_with_debug_in_the_environment__is_raised(monkeypatch):
    fail_doctor(monkeypatch, raiser(RuntimeError("the moon is full")))
    monkeypatch.setenv("METAADAPTER_DEBUG", "1")

    with pytest.raises(RuntimeError, match="the moon is full"):
        main(["doctor"])


def test_main__missing_package__ends_with_5(run, monkeypatch):
    fail_doctor(monkeypatch, raiser(MissingPackage("pip install pyarrow")))

    result = run("doctor", "--json")

    assert result.code == 5
    assert result.document["error"]["kind"] == "missing-package"
    assert "pip install pyarrow" in result.err


def test_main__interrupted__ends_with_130(run, monkeypatch):
    fail_doctor(monkeypatch, raiser(KeyboardInterrupt()))

    result = run("doctor", "--json")

    assert result.code == 130
    assert result.document["error"]["kind"] == "interrupted"


def test_program__interrupted_again_while_it_tidies_up__tidies_up_to_the_end():
    program = """
import importlib, signal, sys
doctor = importlib.import_module("metaadapter.apps.cli.doctor")
from metaadapter.apps.cli.app import main

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

    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        # The shell that started the tests may have told its background jobs to ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )

    assert (result.returncode, result.stdout) == (130, "tidied up\n")
    assert result.stderr == "error: interrupted\n"


def test_main__warning_of_a_library__is_one_calm_line(run, monkeypatch):
    def warn():
        warnings.warn("this version\nis newer", stacklevel=1)
        return []

    fail_doctor(monkeypatch, warn)

    result = run("doctor")

    assert result.err == "warning: this version is newer\n"


def test_main__deprecation_inside_a_library__is_not_shown(run, monkeypatch):
    def warn():
        warnings.warn("use the new way", DeprecationWarning, stacklevel=1)
        return []

    fail_doctor(monkeypatch, warn)

    assert run("doctor").err == ""


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_main__no_color__is_respected(run, monkeypatch, no_color, coloured):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", no_color)

    result = run("encode", "--colour")

    assert ("\x1b[" in result.err) is coloured


def test_main__help_and_usage_errors__load_no_heavy_package():
    code = (
        "main(['adapt', '--help']); main(['predict']); "
        "print(sorted({'torch', 'numpy', 'open_clip', 'sklearn'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [*PROGRAM[:2], PROGRAM[2] + code], capture_output=True, text=True, check=True
    )

    assert done.stdout.endswith("\n[]\n")


@pytest.mark.slow
def test_adapt_and_predict__load_no_scikit_learn(labelled, encoder, tmp_path):
    adapt = ["adapt", str(labelled), "--out", str(tmp_path / "a"), "--encoder", str(encoder)]
    predict = ["predict", str(tmp_path / "a"), str(labelled)]
    code = f"codes = main({adapt}), main({predict}); print(codes, 'sklearn' in sys.modules)"

    done = subprocess.run(
        [*PROGRAM[:2], PROGRAM[2] + code], capture_output=True, text=True, check=True
    )

    assert done.stdout.endswith("\n(0, 0) False\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_main__output_on_a_full_disk__ends_with_3_and_says_so():
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM[:2], PROGRAM[2] + "sys.exit(main(['--help']))"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert done.returncode == 3
    assert done.stderr == (
        "error: cannot write the output: No space left on device; free some space\n"
    )


def test_main__reader_of_the_output_left__ends_quietly():
    program = subprocess.Popen(
        [*PROGRAM[:2], PROGRAM[2] + "sys.exit(main(['--help']))"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    program.stdout.close()

    errors = program.stderr.read()
    program.stderr.close()

    assert program.wait() == 0
    assert errors == b""


def test_main__code_of_ones_own_ends_the_program__ends_with_its_code(monkeypatch, capsys):
    fail_doctor(monkeypatch, raiser(SystemExit(7)))

    with pytest.raises(SystemExit, match="7"):
        main(["doctor"])


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without SIGHUP")
@pytest.mark.parametrize(
    ("number", "code", "kind"), [("SIGTERM", 143, "terminated"), ("SIGHUP", 129, "hung-up")]
)
def test_program__ended_by_a_signal__tells_which(
    monkeypatch, capsys, default_signals, number, code, kind
):
    def ended():
        signal.raise_signal(getattr(signal, number))

    fail_doctor(monkeypatch, ended)
    monkeypatch.setattr(sys, "argv", ["metaadapter", "doctor", "--json"])

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
    monkeypatch, default_signals, numbers, code
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
    fail_doctor(monkeypatch, go_on)
    monkeypatch.setattr(sys, "argv", ["metaadapter", "doctor"])

    if code is None:
        assert main() == 0
    else:
        with pytest.raises(SystemExit, match=str(code)):
            main()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="a system without SIGHUP")
def test_program__of_nohup__goes_on_after_sighup(monkeypatch, default_signals):
    def hang_up():
        signal.raise_signal(signal.SIGHUP)
        return []

    fail_doctor(monkeypatch, hang_up)
    monkeypatch.setattr(sys, "argv", ["metaadapter", "doctor"])
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    assert main() == 0


@pytest.mark.parametrize("error", [OSError(errno.EIO, "broken", "birds/a.jpg"), MemoryError()])
def test_main__machine_refuses__is_no_fault_of_the_program(run, monkeypatch, error):
    fail_doctor(monkeypatch, raiser(error))

    result = run("doctor", "--json")

    assert result.document["error"]["exit_code"] == result.code == 3
    assert "bug of metaadapter" not in result.err


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "no"), MemoryError()])
def test_main__debug__shows_where_the_machine_refused(monkeypatch, error):
    fail_doctor(monkeypatch, raiser(error))

    with pytest.raises(type(error)):
        main(["--debug", "doctor"])


def test_app__option_without_its_value__names_the_help_of_its_command(capsys):
    assert main(["doctor", "--places"]) == 2

    assert "See `metaadapter doctor --help`." in capsys.readouterr().err
