from __future__ import annotations

import pytest

from metaadapter.apps.cli.console import Console, OutputForm, choose_output
from metaadapter.files.progress import tell


def show_halfway(console):
    with console.progress():
        tell("encode", 50, 100, 25.0)


def test_progress__terminal__shows_count_and_rate_on_stderr(terminal, capsys):
    show_halfway(Console())

    shown = capsys.readouterr()
    assert "encoding" in shown.err
    assert "50/100" in shown.err
    assert "25/s" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize("silent", [OutputForm(quiet=True), OutputForm(json=True)])
def test_progress__quiet_or_json__is_silent(terminal, capsys, silent):
    choose_output(silent)
    try:
        show_halfway(Console())
    finally:
        choose_output(OutputForm())

    assert capsys.readouterr() == ("", "")


def test_note__quiet__is_left_out_and_warnings_stay(capsys):
    choose_output(OutputForm(quiet=True))
    try:
        console = Console()
    finally:
        choose_output(OutputForm())

    console.note("by the way")
    console.warn("look out")

    assert capsys.readouterr().err == "warning: look out\n"


def test_error__break_in_a_name__begins_no_line(capsys):
    Console().error("cannot read a\nwarning: b; differ:\n  c")

    assert capsys.readouterr().err == "error: cannot read a\\nwarning: b; differ:\n  c\n"
