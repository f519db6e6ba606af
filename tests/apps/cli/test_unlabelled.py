"""`adapt --unlabelled`, `adapt --names`, `predict --together`."""

from __future__ import annotations

import shutil

from tests.small_pictures import CLASSES


def test_predict__together__says_what_the_pictures_changed(run, adapter, picture, tmp_path):
    for number in range(21):
        colour = [level // 2 for level in [*CLASSES.values()][number % 3]]
        picture(tmp_path / "dusk" / f"{number}.png", colour, number)

    alone = run("predict", adapter, tmp_path / "dusk")
    together = run("predict", adapter, tmp_path / "dusk", "--together")

    sets = run("predict", adapter, tmp_path / "dusk", "--sets", "0.9")
    command = f"metaadapter predict {adapter} {tmp_path / 'dusk'}"
    assert f"predict them together: {command} --together" in alone.err
    assert f"predict them together: {command} … --together" in sets.err
    assert "21 unlabelled picture(s): " in together.err
    assert "it is expected to gain" in together.err


def test_adapt__unlabelled_json__has_all_that_was_noticed(adapt, labelled, unlabelled, tmp_path):
    folder = shutil.copytree(unlabelled, tmp_path / "new")
    (folder / "broken.png").write_bytes(b"no picture")
    shutil.copy(folder / "lynx-0.png", folder / "twice.png")

    with_pool = adapt(labelled, "--unlabelled", folder, "--json")

    document = with_pool.document
    assert document["leave_one_out"]["n"] == 9
    assert [entry["path"] for entry in document["quarantined"]] == [str(folder / "broken.png")]
    assert any("are copies" in warning for warning in document["warnings"])
