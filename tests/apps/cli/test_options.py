"""The size of the command line: a person can read each `--help` on one screen."""

from pathlib import Path

import pytest
import typer

from metaadapter.apps.cli import app
from metaadapter.apps.cli.app import main

MOST = {"adapt": 16, "predict": 18, "encode": 14, "evaluate": 14, "export": 8}
MOST_OF_ALL = 140
LINES_OF_A_SCREEN = 40


def options(command, path=()):
    """Yield the path of each command with the names of its options, except --help."""
    names = [p.opts[0] for p in command.params if p.param_type_name == "option"]
    yield path, [name for name in names if name not in ("-h", "--help")]
    for name, inner in getattr(command, "commands", {}).items():
        yield from options(inner, (*path, name))


COMMANDS = dict(options(typer.main.get_command(app.app)))


def test_options__of_each_command__are_few_enough_to_explain():
    assert {name: len(COMMANDS[name,]) for name in MOST if len(COMMANDS[name,]) > MOST[name]} == {}
    assert sum(map(len, COMMANDS.values())) <= MOST_OF_ALL


@pytest.mark.parametrize("path", [path for path in COMMANDS if path], ids=" ".join)
def test_help__of_a_command__fits_on_one_screen(path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main([*path, "--help"]) == 0
    assert len(capsys.readouterr().out.splitlines()) <= LINES_OF_A_SCREEN


def test_options_of_the_program__after_the_command__count_as_well(capsys):
    assert main(["doctor", "--verify", "nowhere", "--json"]) == 3
    assert '"schema": "metaadapter.error/1"' in capsys.readouterr().out
    assert main(["--json", "doctor", "--verify", "nowhere"]) == 3
    assert '"schema": "metaadapter.error/1"' in capsys.readouterr().out


def test_source_of_the_commands__has_no_locals():
    folder = Path(app.__file__).parents[1]
    assert [file for file in folder.rglob("*.py") if "locals()" in file.read_text()] == []


@pytest.mark.parametrize(
    "words",
    [
        "doctor --advise PICTURES --label 3 --out to-label.txt",
    ],
)
def test_table_that_is_csv_alone__under_another_ending__is_refused(words, capsys):
    assert main(words.split()) == 2
    assert "should have a name that ends in .csv" in capsys.readouterr().err
