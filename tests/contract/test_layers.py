"""Imports only go up the line of ARCHITECTURE: import-linter's contracts of pyproject.toml hold."""

from __future__ import annotations

from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_layers__every_contract_of_pyproject__is_kept(monkeypatch, capsys):
    monkeypatch.chdir(PYPROJECT.parent)

    status = lint_imports(config_filename=str(PYPROJECT), no_cache=True)

    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out
