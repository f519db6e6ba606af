"""Options that do not go together are refused before anything runs."""

from __future__ import annotations

import pytest

from metaadapter.apps.cli.app import main


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("encode pictures --out store --shard ray --drop-duplicates", "equal pictures may lie"),
        ("encode pictures --out store --shard slurm", "'slurm'"),
        ("predict adapter pictures --shard ray", "give --out FILE.csv"),
        ("predict adapter pictures --shard ray --out a.csv --top 3", "--shard excludes --top"),
        (
            "predict adapter pictures --shard ray --out a.csv --export coco:b.json",
            "--shard excludes --export",
        ),
    ],
)
def test_engine__options_that_do_not_fit__are_refused(
    command, message, capsys, pictures, tmp_path, monkeypatch
):
    pictures(4)
    monkeypatch.chdir(tmp_path)

    assert main(command.split()) == 2
    assert message in capsys.readouterr().err
