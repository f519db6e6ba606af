from __future__ import annotations

import re
from io import StringIO
from itertools import pairwise

import pytest
from rich.console import Console as RichConsole

from metaadapter.apps.cli.bar import TitledBar
from metaadapter.apps.cli.console import Console, OutputForm, choose_output
from metaadapter.files.progress import tell

TITLE = re.compile(r"(\x1b\[22;0t)?\x1b\]0;(.*?)\x07(\x1b\[23;0t)?")


def written(*, seconds=(0.0, 0.0), ending=None, **console):
    """What a terminal gets of a bar of 200 that takes a step at each of these seconds."""
    clock, stream = 0.0, StringIO()
    terminal = {"file": stream, "force_terminal": True, "_environ": {"TERM": "xterm"}} | console
    bar = TitledBar(
        console=RichConsole(**terminal),
        get_time=lambda: clock,
        auto_refresh=False,
        disable=not terminal["force_terminal"],
    )
    try:
        with bar:
            task = bar.add_task("encoding", total=None)
            for number, clock in enumerate(seconds, start=1):  # noqa: B007 - the bar reads the clock
                bar.update(task, completed=number, total=200)
            if ending is not None:
                raise ending
    except type(ending or ()):
        pass
    return stream.getvalue()


def test_titled_bar__steps__title_has_percentage_and_time_left_and_is_given_back():
    titles = TITLE.findall(written(seconds=[0, 10, 20]))

    assert titles == [
        ("\x1b[22;0t", "0 % - metaadapter", ""),
        ("", "1 %, 0:33:00 left - metaadapter", ""),
        ("", "1 %, 0:32:50 left - metaadapter", ""),
        ("", "", "\x1b[23;0t"),
    ]


def test_titled_bar__quick_steps__sets_the_title_once_a_second():
    titles = TITLE.findall(written(seconds=[number / 64 for number in range(200)]))

    assert len(titles) == 5  # at 0, 1, 2 and 3 seconds, and the end
    assert all(one != other for one, other in pairwise(titles))


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), ValueError()])
def test_titled_bar__error_or_interruption__gives_the_title_back(ending):
    assert written(ending=ending).endswith("\x1b]0;\x07\x1b[23;0t")


@pytest.mark.parametrize(
    "console", [{"_environ": {"TERM": "dumb"}}, {"force_terminal": False}], ids=["dumb", "pipe"]
)
def test_titled_bar__no_bar_is_shown__writes_no_title(console):
    assert "\x1b" not in written(**console)


def test_progress__terminal__sets_the_title(terminal, capsys):
    choose_output(OutputForm())  # a command that another test ran may have chosen JSON
    with Console().progress():
        tell("encode", 50, 100)

    assert [title for _, title, _ in TITLE.findall(capsys.readouterr().err)] == [
        "50 % - metaadapter",
        "",
    ]
