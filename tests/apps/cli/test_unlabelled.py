"""`adapt --unlabelled`, `adapt --names`, `predict --together`."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.data.decode import content_hash
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.workflow import pool
from metaadapter.workflow.estimator import MetaAdapterClassifier

NAMES = "heron,lynx,red_fox"


@pytest.fixture
def seen(encoder):
    return FrozenEncoder.load(str(encoder))


def test_adapt__unlabelled_folder__agrees_with_the_classifier(
    run, labelled, unlabelled, encoder, seen, tmp_path
):
    out = tmp_path / "a"

    done = run(
        "adapt", labelled, "--unlabelled", unlabelled, "--out", out, "--encoder", encoder, "--json"
    )

    paths = sorted(labelled.glob("*/*.png"))
    y = [path.parent.name for path in paths]
    classifier = MetaAdapterClassifier({label: label for label in y}, encoder=seen)
    U = seen.encode_images(sorted(unlabelled.iterdir()))
    classifier.fit(seen.encode_images(paths), y, unlabelled=U)
    np.testing.assert_allclose(
        load_adapter(out).weights.classes, classifier.adapter_.classes, atol=1e-6
    )
    told = done.document["unlabelled"]
    assert told["n"] == load_adapter(out).config.n_unlabelled == 6
    before = MetaAdapterClassifier({label: label for label in y}, encoder=seen)
    before.fit(seen.encode_images(paths), y)
    differ = before.predict(U) != classifier.predict(U)
    assert told["changed"] == pytest.approx(differ.mean())
    shares = [(classifier.predict(U) == label).mean() for label in classifier.classes_]
    assert told["shares"] == pytest.approx(shares)


def test_adapt__unlabelled_feature_store__gives_what_its_pictures_give(
    run, labelled, unlabelled, encoder, tmp_path
):
    run("encode", unlabelled, "--out", tmp_path / "store", "--encoder", encoder)
    run("encode", labelled, "--out", tmp_path / "labelled", "--encoder", encoder)

    for number, (support, source) in enumerate(
        [
            (labelled, unlabelled),
            (labelled, tmp_path / "store"),
            (tmp_path / "labelled", tmp_path / "store"),
            (tmp_path / "labelled", unlabelled),
        ]
    ):
        more = () if support == tmp_path / "labelled" else ("--encoder", encoder)
        done = run("adapt", support, "--unlabelled", source, "--out", tmp_path / f"{number}", *more)
        assert done.code == 0, done.err

    first, *others = (load_adapter(tmp_path / f"{number}").weights for number in range(4))
    for other in others:
        np.testing.assert_allclose(other.classes, first.classes, atol=1e-6)


def test_adapt__copies_of_labelled_pictures__are_left_out_and_told(
    run, labelled, unlabelled, encoder, tmp_path
):
    folder = tmp_path / "new"
    shutil.copytree(unlabelled, folder)
    shutil.copy(labelled / "heron" / "0.png", folder / "seen before.png")
    shutil.copy(folder / "lynx-0.png", folder / "twice.png")
    more = ("--encoder", encoder)

    done = run("adapt", labelled, "--unlabelled", folder, "--out", tmp_path / "a", *more)

    assert "2 unlabelled picture(s) are copies" in done.err
    assert load_adapter(tmp_path / "a").config.n_unlabelled == 6


def test_adapt__more_than_is_of_use__are_drawn_by_the_seed(
    run, labelled, unlabelled, encoder, tmp_path, monkeypatch
):
    monkeypatch.setattr(pool, "MOST_UNLABELLED", 4)
    more = ("--unlabelled", unlabelled, "--encoder", encoder)

    done = [
        run("adapt", labelled, *more, "--out", tmp_path / f"{n}", "--seed", seed)
        for n, seed in enumerate((0, 0, 1))
    ]

    assert "of 6 unlabelled pictures 4 are used" in done[0].err
    rows = [load_adapter(tmp_path / f"{n}").support.pool_TUD[0].numpy() for n in range(3)]
    assert (rows[0] == rows[1]).all()
    assert rows[2].shape == rows[0].shape
    assert (rows[2] != rows[0]).any()


def test_adapt__names_alone__is_zero_shot_and_with_a_pool_learns_from_it(
    run, unlabelled, encoder, seen, tmp_path
):
    more = ("--names", NAMES, "--encoder", encoder)

    alone = run("adapt", *more, "--out", tmp_path / "z")
    pooled = run("adapt", *more, "--unlabelled", unlabelled, "--out", tmp_path / "p")

    assert (alone.code, pooled.code) == (0, 0)
    assert "from names alone and 6 unlabelled pictures" in pooled.out
    texts = seen.encode_texts(["heron", "lynx", "red fox"])
    rows = seen.encode_images(sorted(unlabelled.iterdir()))
    zero_shot = load_adapter(tmp_path / "z").weights
    logits = seen.logit_scale * rows @ texts.T
    found = rows @ (zero_shot.logit_scale * zero_shot.classes).numpy().T
    found += zero_shot.class_bias.numpy()
    np.testing.assert_allclose(
        found - found.mean(1, keepdims=True), logits - logits.mean(1, keepdims=True), atol=1e-4
    )
    assert (load_adapter(tmp_path / "p").weights.classes - zero_shot.classes).abs().max() > 1e-3


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


def test_adapt__one_name__ends_with_an_error(run, encoder, tmp_path):
    done = run("adapt", "--names", "heron", "--out", tmp_path / "a", "--encoder", encoder)

    assert done.code == 2
    assert "at least two" in done.err
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


def test_predict__together__learns_from_the_pictures_and_leaves_the_adapter(
    run, adapter, unlabelled, labelled, encoder, seen, tmp_path
):
    before = {path.name: content_hash(path) for path in adapter.iterdir() if path.name != ".lock"}

    done = run("predict", adapter, unlabelled, "--together", "--out", tmp_path / "kept", "--json")

    paths = sorted(labelled.glob("*/*.png"))
    y = [path.parent.name for path in paths]
    classifier = MetaAdapterClassifier({label: label for label in y}, encoder=seen)
    U = seen.encode_images(sorted(unlabelled.iterdir()))
    expected = classifier.fit(seen.encode_images(paths), y, unlabelled=U).predict_proba(U)
    answers = [list(each["probabilities"].values()) for each in done.document["predictions"]]
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    assert done.document["together"] is True
    assert {
        path.name: content_hash(path) for path in adapter.iterdir() if path.name != ".lock"
    } == before
    again = run("predict", tmp_path / "kept", unlabelled, "--json").document["predictions"]
    kept = [list(each["probabilities"].values()) for each in again]
    np.testing.assert_allclose(kept, answers, rtol=1e-9)


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


def test_adapt__names_with_text__are_read_as_the_text_says(run, encoder, seen, tmp_path):
    more = ("--names", "heron,fox", "--text", "fox=small red animal", "--encoder", encoder)

    done = run("adapt", *more, "--out", tmp_path / "a")

    assert done.code == 0, done.err
    assert load_adapter(tmp_path / "a").config.class_names == ["small red animal", "heron"]


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
    from metaadapter.workflow import left_out

    monkeypatch.setattr(left_out, "MAX_UNLABELLED_ROWS", 10)
    more = ("--unlabelled", unlabelled, "--encoder", encoder)

    done = run("adapt", labelled, *more, "--out", tmp_path / "a")

    assert "estimate without the unlabelled ones: 100%" in done.err


def test_predict__together_with_an_adapter_that_has_a_pool__keeps_that_too(
    run, labelled, unlabelled, encoder, tmp_path
):
    first, second = sorted(unlabelled.iterdir())[:3], sorted(unlabelled.iterdir())[2:]
    for name, pictures in (("first", first), ("second", second)):
        (tmp_path / name).mkdir()
        for picture in pictures:
            shutil.copy(picture, tmp_path / name)
    more = ("--encoder", encoder, "--unlabelled")

    run("adapt", labelled, *more, tmp_path / "first", "--out", tmp_path / "a")
    run("adapt", labelled, *more, unlabelled, "--out", tmp_path / "whole")
    run("predict", tmp_path / "a", tmp_path / "second", "--together", "--out", tmp_path / "b")

    whole, grown = (load_adapter(tmp_path / name) for name in ("whole", "b"))
    # One of the pictures is in both halves.
    assert grown.config.n_unlabelled == whole.config.n_unlabelled == 6
    np.testing.assert_allclose(grown.weights.classes, whole.weights.classes, atol=1e-3)


def test_predict__together_without_the_support__is_refused_before_pictures_are_read(
    run, adapter, tmp_path
):
    stored = load_adapter(adapter)
    from metaadapter.adapter.files import store_adapter

    store_adapter(tmp_path / "bare", replace(stored, support=None, picture_hashes=()))

    done = run("predict", tmp_path / "bare", tmp_path / "nothing here", "--together")

    assert done.code == 2
    assert "saved without its support features" in done.err


def test_add__pictures_that_stood_in_the_pool__leave_it(
    run, labelled, unlabelled, encoder, tmp_path
):
    more = ("--unlabelled", unlabelled, "--encoder", encoder)
    run("adapt", labelled, *more, "--out", tmp_path / "a")
    named = sorted(unlabelled.glob("heron-*.png"))

    done = run("add", tmp_path / "a", "blue heron", *named)

    assert done.code == 0, done.err
    grown = load_adapter(tmp_path / "a")
    assert grown.config.n_unlabelled == 6 - len(named)
    assert grown.support.n_pool == 6 - len(named)


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
