"""A cell that takes minutes is seen to go on."""

from __future__ import annotations

from metaadapter.apps.cli.cell_progress import CellProgress
from metaadapter.apps.cli.console import Console
from metaadapter.bench.evaluation.cell import Cell, CellSteps

CELL = Cell("Tip-Adapter-F", "imagenet", 16, 0)


def show(*reports, **silent):
    console = Console(**silent)
    with console.counting("measuring") as count:
        progress = CellProgress(console, count)
        for report in reports:
            progress(report)
            if console.stderr.is_terminal:
                count(1, 4)


def test_progress__terminal__names_the_cell_and_its_step(terminal, capsys):
    show(CellSteps(CELL, 57, 200, 8.0, 20.0))

    shown = capsys.readouterr().err
    assert "Tip-Adapter-F on imagenet, 16 shot(s): step 57 of 200" in shown
    assert "1/4" in shown


def test_progress__minutes_left__are_noted_once_for_all_draws(capsys):
    show(
        CellSteps(CELL, 2, 200, 32.0, 3168.0),
        CellSteps(CELL._replace(seed=1), 2, 200, 32.0, 3168.0),
    )

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Tip-Adapter-F on imagenet, 16 shot(s): the 200 steps of one draw take")
    assert "about 53 minutes more" in line
    assert "To leave Tip-Adapter-F out" in line


def test_progress__no_terminal__notes_a_long_cell_every_minute(capsys):
    show(*(CellSteps(CELL, step, 10, 20.0 * step, 200 - 20.0 * step) for step in range(1, 11)))

    _, *lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Tip-Adapter-F on imagenet, 16 shot(s), seed 0: step 4 of 10, about 2 minutes left",
        "Tip-Adapter-F on imagenet, 16 shot(s), seed 0: step 7 of 10, about 1 minute left",
        "Tip-Adapter-F on imagenet, 16 shot(s), seed 0: step 10 of 10, about 0 seconds left",
    ]
