"""Options that do not go together are refused before anything runs."""

from __future__ import annotations

import pytest

from metaadapter.apps.cli.app import main


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("encode pictures --out store --address auto", "--address needs --engine ray"),
        ("encode pictures --out store --shards 3", "--shards needs --engine ray"),
        ("encode pictures --out store --engine ray --shard 1/2", "leave --shard out"),
        ("encode pictures --out store --engine ray --drop-duplicates", "equal pictures may lie"),
        ("encode pictures --out store --engine slurm", "'slurm'"),
        ("predict adapter pictures --engine ray", "give --out FILE.csv"),
        ("predict adapter pictures --engine ray --out a.csv --top 3", "order the merged table"),
        ("predict adapter pictures --engine ray --out a.csv --export b.json", "a file of all"),
        ("predict adapter pictures --shards 2", "--shards needs --engine ray"),
    ],
)
def test_engine__options_that_do_not_fit__are_refused(
    command, message, capsys, pictures, tmp_path, monkeypatch
):
    pictures(4)
    monkeypatch.chdir(tmp_path)

    assert main(command.split()) == 2
    assert message in capsys.readouterr().err
