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


@pytest.mark.parametrize("is_ours", [True, False])
def test_engine__a_store_that_is_whole__is_kept_and_its_parts_are_not(
    is_ours, capsys, pictures, encoder, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    encode = ["encode", pictures(4), "--encoder", encoder(0), "--out", "store"]
    assert main(encode) == 0
    before = (tmp_path / "store" / "store.json").read_bytes()
    parts = tmp_path / "store.parts"
    parts.mkdir()
    (parts / ("plan.json" if is_ours else "mine.txt")).touch()

    assert main([*encode, "--engine", "ray"]) == 2

    assert "store is a whole feature store already" in capsys.readouterr().err
    assert (tmp_path / "store" / "store.json").read_bytes() == before
    assert parts.exists() != is_ours
