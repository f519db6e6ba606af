"""`adapt --unlabelled`, `adapt --names`, `predict --together`."""

from __future__ import annotations

import shutil

import pytest

from metaadapter.adapter.files import load_adapter

NAMES = "heron,lynx,red_fox"


def test_adapt__names_alone_with_a_pool__says_so(run, unlabelled, encoder, tmp_path):
    more = ("--names", NAMES, "--unlabelled", unlabelled, "--encoder", encoder)

    done = run("adapt", *more, "--out", tmp_path / "p")

    assert done.code == 0
    assert "from names alone and 6 unlabelled pictures" in done.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give labelled pictures"),
        (("{labelled}", "--names", NAMES), "give labelled pictures"),
        (("--names", NAMES, "--no-text"), "--names excludes"),
        (("--names", "heron,heron"), "--names has 'heron' more than once"),
        (("--names", "heron,lynx", "--describe", "fox=red"), "there is no class 'fox'"),
    ],
)
def test_adapt__names_that_do_not_fit__ends_with_2(run, labelled, tmp_path, arguments, told):
    given = [part.format(labelled=labelled) for part in arguments]

    done = run("adapt", *given, "--out", tmp_path / "a")

    assert done.code == 2
    assert told in done.err
    assert not (tmp_path / "a").exists()


def test_adapt__unlabelled_pictures_that_cannot_be_read__leaves_no_adapter(
    run, labelled, encoder, tmp_path
):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "broken.png").write_bytes(b"no picture")
    more = ("--unlabelled", tmp_path / "new", "--encoder", encoder)

    done = run("adapt", labelled, *more, "--out", tmp_path / "a")

    assert done.code == 3
    assert "broken.png" in done.err
    assert not (tmp_path / "a").exists()


def test_predict__together__keeps_the_adapter_at_out(run, adapter, unlabelled, tmp_path):
    done = run("predict", adapter, unlabelled, "--together", "--out", tmp_path / "kept", "--json")

    assert done.document["together"] is True
    assert load_adapter(tmp_path / "kept").config.n_unlabelled == 6


def test_predict__together__says_that_answers_depend_on_one_another(run, adapter, unlabelled):
    assert (
        "predictions depend on one another" in run("predict", adapter, unlabelled, "--together").err
    )


def test_predict__out_without_together__ends_with_2(run, adapter, unlabelled, tmp_path):
    done = run("predict", adapter, unlabelled, "--out", tmp_path / "kept")

    assert done.code == 2
    assert "--together" in done.err


def test_adapt__unlabelled_json__has_both_estimates_and_all_that_was_noticed(
    run, labelled, unlabelled, encoder, tmp_path
):
    folder = tmp_path / "new"
    shutil.copytree(unlabelled, folder)
    (folder / "broken.png").write_bytes(b"no picture")
    shutil.copy(folder / "lynx-0.png", folder / "twice.png")
    more = ("--encoder", encoder, "--json")

    with_pool = run("adapt", labelled, "--unlabelled", folder, "--out", tmp_path / "a", *more)
    bare = run("adapt", labelled, "--out", tmp_path / "b", *more)

    document = with_pool.document
    assert document["unlabelled"]["leave_one_out_without"] == bare.document["leave_one_out"]
    assert document["leave_one_out"]["n"] == 9
    assert [each["path"] for each in document["quarantined"]] == [str(folder / "broken.png")]
    assert any("are copies" in each for each in document["warnings"])
    assert (
        "and without the unlabelled ones"
        in run(
            "adapt",
            labelled,
            "--unlabelled",
            unlabelled,
            "--out",
            tmp_path / "c",
            "--encoder",
            encoder,
        ).err
    )


@pytest.mark.parametrize(
    ("option", "told"), [(("--no-zoom",), "was made with a zoom"), (("--views", 3), "1 view(s)")]
)
def test_adapt__names_beside_a_store_of_other_looks__ends_with_2(
    run, unlabelled, encoder, tmp_path, option, told
):
    run("encode", unlabelled, "--out", tmp_path / "store", "--encoder", encoder)

    done = run(
        "adapt",
        "--names",
        NAMES,
        "--unlabelled",
        tmp_path / "store",
        *option,
        "--out",
        tmp_path / "a",
    )

    assert done.code == 2
    assert told in done.err


def test_adapt__large_pool__tells_the_estimate_without_it(
    run, labelled, unlabelled, encoder, tmp_path, monkeypatch
):
    from metaadapter.workflow import accuracy

    monkeypatch.setattr(accuracy, "MAX_UNLABELLED_ROWS", 10)
    more = ("--unlabelled", unlabelled, "--encoder", encoder)

    done = run("adapt", labelled, *more, "--out", tmp_path / "a")

    assert "estimate without the unlabelled ones: 100%" in done.err


def test_adapt__unlabelled_folder_that_is_not_there__is_told_before_anything_is_encoded(
    run, labelled, encoder, tmp_path
):
    done = run(
        "adapt",
        labelled,
        "--unlabelled",
        tmp_path / "none",
        "--out",
        tmp_path / "a",
        "--encoder",
        encoder,
    )

    assert done.code == 3
    assert "--unlabelled" in done.err
    assert "no such file or folder" in done.err
