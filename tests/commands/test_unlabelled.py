"""`adapt --unlabelled`, `adapt --names`, `predict --together`."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from metaadapter.adapter import load_adapter
from metaadapter.classifier import MetaAdapterClassifier
from metaadapter.features import FrozenEncoder
from metaadapter.images import content_hash
from metaadapter.task import pool

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
    assert "from 0 pictures and 6 unlabelled ones" in pooled.out
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
        (("--names", NAMES, "--no-text"), "--names goes with none of"),
        (("--names", "heron,heron"), "is a class already"),
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
    assert "answers depend on one another" in run("predict", adapter, unlabelled, "--together").err


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
