from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest

from metaadapter.features.encoded_pictures import encode_rows
from metaadapter.features.encoder import FrozenEncoder
from metaadapter.workflow import run_predict
from metaadapter.workflow.estimator import MetaAdapterClassifier

KEYS = {
    "schema",
    "adapter",
    "encoder",
    "zoom",
    "blocks",
    "n_views",
    "together",
    "reject",
    "keep",
    "sets",
    "n_unfamiliar",
    "classes",
    "n_pictures",
    "predictions",
    "scores",
    "warnings",
    "quarantined",
}
PREDICTION_KEYS = {
    "path",
    "label",
    "probability",
    "runner_up",
    "runner_up_probability",
    "in_support",
    "probabilities",
    "known",
    "unfamiliar",
    "set",
}


def refuse_to_load(*_, **__):
    raise AssertionError("the encoder was loaded")


def lines(result):
    return list(csv.reader(result.out.splitlines(), delimiter="\t"))


def test_predict__folder__agrees_with_the_classifier(run, adapter, unlabelled, encoder):
    document = run("predict", adapter, unlabelled, "--json").document

    paths = sorted(unlabelled.iterdir())
    X = FrozenEncoder.load(str(encoder)).encode_images(paths)
    expected = MetaAdapterClassifier.load(adapter).predict_proba(X)
    found = [list(it["probabilities"].values()) for it in document["predictions"]]
    assert [it["path"] for it in document["predictions"]] == [str(path) for path in paths]
    np.testing.assert_allclose(found, expected, atol=2e-2)  # features are kept in float16


def test_predict__json__is_one_document_with_the_promised_keys(run, adapter, unlabelled):
    document = run("predict", adapter, unlabelled, "--json").document

    assert document["schema"] == "metaadapter.predict/1"
    assert set(document) == KEYS
    assert set(document["predictions"][0]) == PREDICTION_KEYS
    assert document["classes"] == ["heron", "lynx", "red_fox"]


def test_predict__no_terminal__prints_tab_separated_lines(run, adapter, unlabelled):
    result = run("predict", adapter, unlabelled)

    assert result.code == 0
    assert len(lines(result)) == 6
    path, label, probability, runner_up, second, known, _ = lines(result)[0]
    assert path == str(unlabelled / "heron-0.png")
    assert {label, runner_up} < {"heron", "lynx", "red_fox"}
    assert float(probability) >= float(second)
    assert 0 < float(known) < 1


def test_predict__terminal__draws_a_table(run, adapter, unlabelled, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")

    result = run("predict", adapter, unlabelled / "heron-0.png")

    assert "picture" in result.out.splitlines()[0]
    assert "runner-up" in result.out.splitlines()[0]
    assert "heron-0.png" in result.out


def test_predict__several_sources__are_listed_one_after_the_other(
    run, adapter, labelled, unlabelled
):
    lynx, fox = unlabelled / "lynx-0.png", unlabelled / "red_fox-1.png"

    result = run("predict", adapter, lynx, fox, labelled)

    assert [line[0] for line in lines(result)[:2]] == [str(lynx), str(fox)]
    assert len(lines(result)) == 2 + 9


def test_predict__pictures_of_the_support__are_pointed_out(run, adapter, labelled, unlabelled):
    known = labelled / "lynx" / "0.png"

    result = run("predict", adapter, known, unlabelled / "lynx-0.png", "--json")

    assert "predicted from 1 of these very pictures" in result.err
    assert str(known) in result.err
    assert [it["in_support"] for it in result.document["predictions"]] == [True, False]


def test_predict__unreadable_pictures_among_others__are_listed(run, adapter, unlabelled, tmp_path):
    source = shutil.copytree(unlabelled, tmp_path / "pictures")
    (source / "broken.jpg").write_bytes(b"no picture")

    result = run("predict", adapter, source, "--json")

    assert result.code == 0
    assert "left out, because unreadable: 1" in result.err
    assert [it["path"] for it in result.document["quarantined"]] == [str(source / "broken.jpg")]
    assert len(result.document["predictions"]) == 6


def test_predict__unreadable_pictures_only__ends_with_3(run, adapter, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")

    result = run("predict", adapter, tmp_path / "broken.jpg")

    assert result.code == 3
    assert "broken.jpg" in result.err


def test_predict__missing_picture__ends_with_3(run, adapter, tmp_path):
    assert run("predict", adapter, tmp_path / "nowhere.jpg").code == 3


def test_predict__folder_that_is_no_adapter__ends_with_4(run, labelled, unlabelled):
    result = run("predict", labelled, unlabelled, "--json")

    assert result.code == 4
    assert result.document["error"]["kind"] == "incompatible-artifact"
    assert "is not an adapter" in result.err


def test_predict__other_encoder__ends_with_4(run, adapter, unlabelled, other_encoder):
    result = run("predict", adapter, unlabelled, "--encoder", other_encoder)

    assert result.code == 4
    assert f"the adapter {adapter} was made with the encoder" in result.err


def test_predict__adapter_of_unnamed_features__asks_for_the_encoder(run, unlabelled, tmp_path):
    X = np.eye(4, 32, dtype=np.float32)
    MetaAdapterClassifier(logit_scale=100.0).fit(X, ["a", "a", "b", "b"]).save(tmp_path / "adapter")

    result = run("predict", tmp_path / "adapter", unlabelled)

    assert result.code == 2
    assert "--encoder" in result.err


def test_predict__adapter_of_unnamed_features_of_another_width__ends_with_4(
    run, unlabelled, encoder, tmp_path
):
    X = np.eye(4, 16, dtype=np.float32)
    MetaAdapterClassifier(logit_scale=100.0).fit(X, ["a", "a", "b", "b"]).save(tmp_path / "adapter")
    store = tmp_path / "store"
    run("encode", unlabelled, "--out", store, "--encoder", encoder, "--no-zoom")

    of_store = run("predict", tmp_path / "adapter", store)
    of_pictures = run("predict", tmp_path / "adapter", unlabelled, "--encoder", encoder)

    assert of_store.code == of_pictures.code == 4
    assert f"features 16 wide, those of the feature store {store} are 32 wide" in of_store.err
    assert f"features 16 wide, those of the encoder {encoder} are 32 wide" in of_pictures.err


@pytest.mark.parametrize("zoom", [False, True])
def test_predict__adapter_of_unnamed_features__looks_as_often_as_their_width_tells(
    run, labelled, encoder, tmp_path, zoom
):
    paths = sorted(labelled.rglob("*.*"))
    loaded = FrozenEncoder.load(str(encoder), zoom=zoom)
    classifier = MetaAdapterClassifier(logit_scale=loaded.logit_scale)
    classifier.fit(loaded.encode_images(paths), [path.parent.name for path in paths])
    classifier.save(tmp_path / "adapter")

    result = run("predict", tmp_path / "adapter", labelled, "--encoder", encoder, "--json")

    expected = classifier.predict(loaded.encode_images(paths))
    told = {entry["path"]: entry["label"] for entry in result.document["predictions"]}
    assert [told[str(path)] for path in paths] == expected.tolist()
    assert not result.document["zoom"]  # what its configuration says


def test_predict__encoder_that_was_moved__is_found_by_the_option(
    run, adapter, unlabelled, encoder, tmp_path
):
    moved = shutil.copytree(encoder, tmp_path / "moved")

    result = run("predict", adapter, unlabelled, "--encoder", moved)

    assert result.code == 0
    assert result.out == run("predict", adapter, unlabelled).out


def test_predict__rank__puts_the_most_probable_of_a_class_first(run, adapter, unlabelled):
    result = run("predict", adapter, unlabelled, "--rank", "red_fox", "--top", "3")

    probabilities = [float(line[5]) for line in lines(result)]
    assert len(probabilities) == 3
    assert probabilities == sorted(probabilities, reverse=True)


def test_predict__rank_of_no_class__ends_with_2_and_names_the_nearest(run, adapter, unlabelled):
    result = run("predict", adapter, unlabelled, "--rank", "red fox")

    assert result.code == 2
    assert "--rank: there is no class 'red fox'; did you mean 'red_fox'?" in result.err


def test_predict__rank_and_sort__ends_with_2(run, adapter, unlabelled):
    assert run("predict", adapter, unlabelled, "--rank", "lynx", "--sort", "sure").code == 2


def test_predict__sort__orders_by_the_probability_of_the_label(run, adapter, unlabelled):
    sure = lines(run("predict", adapter, unlabelled, "--sort", "sure"))
    doubtful = lines(run("predict", adapter, unlabelled, "--sort", "doubtful"))

    shares = [float(line[2]) for line in sure]
    assert shares == sorted(shares, reverse=True)
    assert doubtful[0] == sure[-1]


def test_predict__csv__has_the_probability_of_each_class(run, adapter, unlabelled, tmp_path):
    file = tmp_path / "answers ü.csv"

    result = run("predict", adapter, unlabelled, "--csv", file)

    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert result.out == ""
    assert f"wrote 6 predictions to {file}" in result.err
    assert list(rows[0])[:5] == [
        "path",
        "label",
        "probability",
        "runner_up",
        "runner_up_probability",
    ]
    shares = [[float(row[f"p_{label}"]) for label in ("heron", "lynx", "red_fox")] for row in rows]
    np.testing.assert_allclose(np.sum(shares, axis=1), 1)
    np.testing.assert_allclose(np.max(shares, axis=1), [float(row["probability"]) for row in rows])


def rows_of(file):
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture
def interrupt_after(monkeypatch):
    """Ctrl-C while the pictures after the first so many are encoded, two at a time."""

    def arrange(n_pictures, error=KeyboardInterrupt):
        encode, left = encode_rows, [n_pictures]

        def encode_some(pictures, *arguments, **options):
            if left[0] <= 0:
                raise error
            left[0] -= len(pictures)
            return encode(pictures, *arguments, **options)

        monkeypatch.setattr(run_predict, "PICTURES_AT_ONCE", 2)
        monkeypatch.setattr(run_predict, "encode_rows", encode_some)

    return arrange


def test_predict__csv_of_an_interrupted_run__holds_what_was_predicted(
    run, adapter, unlabelled, tmp_path, interrupt_after
):
    run("predict", adapter, unlabelled, "--csv", tmp_path / "whole.csv")
    interrupt_after(4)

    result = run("predict", adapter, unlabelled, "--csv", tmp_path / "answers.csv", "--json")

    partial = tmp_path / "answers.csv.partial"
    assert result.code == 130
    assert result.document["error"]["kind"] == "interrupted"
    assert f"for 4 pictures, are in {partial}" in result.err
    assert [row["path"] for row in rows_of(partial)] == [
        str(path) for path in sorted(unlabelled.iterdir())[:4]
    ]
    for row, whole in zip(rows_of(partial), rows_of(tmp_path / "whole.csv"), strict=False):
        assert row["label"] == whole["label"]
        assert float(row["probability"]) == pytest.approx(float(whole["probability"]), abs=1e-3)
    assert not (tmp_path / "answers.csv").exists()


def test_predict__csv_interrupted_before_the_first_picture__leaves_no_file(
    run, adapter, unlabelled, tmp_path, interrupt_after
):
    interrupt_after(0)

    result = run("predict", adapter, unlabelled, "--csv", tmp_path / "answers.csv")

    assert result.code == 130
    assert list(tmp_path.iterdir()) == []


def test_predict__csv_of_before__is_whole_after_an_interruption(
    run, adapter, unlabelled, tmp_path, interrupt_after
):
    file = tmp_path / "answers.csv"
    run("predict", adapter, unlabelled, "--csv", file)
    before = file.read_bytes()
    interrupt_after(2)

    run("predict", adapter, unlabelled, "--csv", file, "--rank", "lynx")

    assert file.read_bytes() == before


def test_predict__same_command_after_an_interruption__goes_on_with_its_rows(
    run, adapter, unlabelled, tmp_path, interrupt_after, monkeypatch
):
    file, whole = tmp_path / "answers.csv", tmp_path / "whole.csv"
    interrupt_after(4)
    stopped = run("predict", adapter, unlabelled, "--csv", file)
    interrupt_after(2)

    done = run("predict", adapter, unlabelled, "--csv", file)

    assert stopped.code == 130
    assert "the same command resumes there" in stopped.err
    assert done.code == 0
    assert "4 of the predictions are of the interrupted run before" in done.err
    monkeypatch.setattr(run_predict, "encode_rows", encode_rows)
    run("predict", adapter, unlabelled, "--csv", whole)
    assert file.read_bytes() == whole.read_bytes()
    assert [each.name for each in tmp_path.iterdir() if "partial" in each.name] == []


@pytest.mark.parametrize("more", [("--reject",), ("--keep", 0.6), ("--allowed", "lynx,heron")])
def test_predict__other_question_after_an_interruption__begins_anew(
    run, adapter, unlabelled, tmp_path, interrupt_after, more
):
    file = tmp_path / "answers.csv"
    interrupt_after(4)
    run("predict", adapter, unlabelled, "--csv", file)
    interrupt_after(6)

    done = run("predict", adapter, unlabelled, "--csv", file, *more)

    assert done.code == 0
    assert "interrupted run" not in done.err
    assert len(rows_of(file)) == 6


def test_predict__picture_changed_after_an_interruption__is_asked_again(
    run, adapter, unlabelled, tmp_path, interrupt_after
):
    pictures = shutil.copytree(unlabelled, tmp_path / "pictures")
    file = tmp_path / "answers.csv"
    interrupt_after(4)
    run("predict", adapter, pictures, "--csv", file)
    shutil.copy(pictures / "red_fox-0.png", pictures / "lynx-0.png")
    interrupt_after(6)

    done = run("predict", adapter, pictures, "--csv", file)

    assert "2 of the predictions are of the interrupted run before" in done.err
    found = {row["path"].rpartition("/")[2]: row["p_lynx"] for row in rows_of(file)}
    assert len(found) == 6
    assert found["lynx-0.png"] == found["red_fox-0.png"] != found["lynx-1.png"]


def test_predict__csv_with_rank_and_top__is_the_list_in_its_order(
    run, adapter, unlabelled, tmp_path
):
    file, order = tmp_path / "answers.csv", ("--rank", "lynx", "--top", "4")

    run("predict", adapter, unlabelled, "--csv", file, *order)

    listed = [line[0] for line in lines(run("predict", adapter, unlabelled, *order))]
    assert [row["path"] for row in rows_of(file)] == listed
    assert [path.name for path in tmp_path.iterdir()] == ["answers.csv"]


def test_predict__some_at_a_time__agrees_with_all_at_once(run, adapter, unlabelled, monkeypatch):
    expected = run("predict", adapter, unlabelled, "--json").document["predictions"]
    monkeypatch.setattr(run_predict, "PICTURES_AT_ONCE", 4)

    found = run("predict", adapter, unlabelled, "--json").document["predictions"]

    assert [it["path"] for it in found] == [it["path"] for it in expected]
    for one, other in zip(found, expected, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-3)


def test_predict__several_unreadable_pictures_in_a_row__are_listed(
    run, adapter, unlabelled, tmp_path, monkeypatch
):
    source = shutil.copytree(unlabelled, tmp_path / "pictures")
    broken = [source / f"a-{number}.jpg" for number in range(3)]
    for path in broken:
        path.write_bytes(b"no picture")
    monkeypatch.setattr(run_predict, "PICTURES_AT_ONCE", 2)

    document = run("predict", adapter, source, "--json").document

    assert [it["path"] for it in document["quarantined"]] == [str(path) for path in broken]
    assert len(document["predictions"]) == 6


def test_predict__csv_into_a_missing_folder__ends_with_3(run, adapter, unlabelled, tmp_path):
    result = run("predict", adapter, unlabelled, "--csv", tmp_path / "nowhere" / "answers.csv")

    assert result.code == 3
    assert "cannot write" in result.err


def test_predict__labelled__tells_how_many_are_correct_with_the_interval(run, adapter, labelled):
    result = run("predict", adapter, labelled, "--labelled", "--json")

    truth = [it["path"].split("/")[-2] for it in result.document["predictions"]]
    answers = [it["label"] for it in result.document["predictions"]]
    accuracy = result.document["scores"]["accuracy"]
    assert accuracy["value"] == np.mean([a == b for a, b in zip(truth, answers, strict=True)])
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert accuracy["n"] == 9
    assert "95 % interval" in result.err


def test_predict__labelled_pictures_of_one_class__are_counted(run, adapter, labelled, tmp_path):
    shutil.copytree(labelled / "lynx", tmp_path / "pictures" / "lynx")

    result = run("predict", adapter, tmp_path / "pictures", "--labelled", "--json")

    assert result.code == 0, result.err
    assert list(result.document["scores"]["recall"]) == ["lynx"]


def test_predict__labelled_and_quiet__still_tells_what_was_asked_for(run, adapter, labelled):
    assert "predicted correctly: " in run("predict", adapter, labelled, "--labelled", "--quiet").err


def test_predict__split__is_read_alone(run, adapter, labelled, unlabelled, tmp_path):
    shutil.copytree(labelled, tmp_path / "pictures" / "train")
    for picture in unlabelled.glob("*-0.png"):
        folder = tmp_path / "pictures" / "test" / picture.name.split("-")[0]
        folder.mkdir(parents=True)
        shutil.copy(picture, folder)

    result = run("predict", adapter, tmp_path / "pictures", "--labelled", "--split", "test")

    assert len(lines(result)) == 3
    assert "of these very pictures" not in result.err


def test_predict__labelled_with_other_classes__ends_with_3(run, adapter, labelled, tmp_path):
    source = shutil.copytree(labelled, tmp_path / "pictures")
    (source / "lynx").rename(source / "wolf")

    result = run("predict", adapter, source, "--labelled")

    assert result.code == 3
    assert "'wolf'" in result.err


def test_predict__feature_store__needs_no_encoder(
    run, adapter, unlabelled, encoder, tmp_path, monkeypatch
):
    store = tmp_path / "store"
    run("encode", unlabelled, "--out", store, "--encoder", encoder)
    expected = run("predict", adapter, unlabelled).out
    monkeypatch.setattr(FrozenEncoder, "load", refuse_to_load)

    assert run("predict", adapter, store).out == expected


def test_predict__feature_store_of_another_encoder__ends_with_4(
    run, adapter, unlabelled, other_encoder, tmp_path
):
    run("encode", unlabelled, "--out", tmp_path / "store", "--encoder", other_encoder)

    assert run("predict", adapter, tmp_path / "store").code == 4


def test_predict__feature_store_with_other_views__is_used_with_a_warning(
    run, adapter, unlabelled, encoder, tmp_path
):
    store = tmp_path / "store"
    run("encode", unlabelled, "--out", store, "--encoder", encoder, "--views", "2")

    result = run("predict", adapter, store)

    assert result.code == 0
    assert "averages 2 view(s)" in result.err


def test_predict__adapter_of_several_views__sees_new_pictures_so(
    run, labelled, unlabelled, encoder, tmp_path
):
    adapter = tmp_path / "adapter"
    run("adapt", labelled, "--out", adapter, "--encoder", encoder, "--views", "3", "--seed", "4")

    document = run("predict", adapter, unlabelled, "--json").document

    loaded = FrozenEncoder.load(str(encoder))
    X = loaded.encode_images(sorted(unlabelled.iterdir()), views=3, seed=4)
    expected = MetaAdapterClassifier.load(adapter).predict_proba(X)
    found = [list(it["probabilities"].values()) for it in document["predictions"]]
    np.testing.assert_allclose(found, expected, atol=2e-2)


def test_predict__pictures_of_an_unread_format__are_not_passed_over_in_silence(
    run, adapter, unlabelled, tmp_path
):
    folder = shutil.copytree(unlabelled, tmp_path / "phone")
    (folder / "IMG_0001.HEIC").write_bytes(b"not read here")

    result = run("predict", adapter, folder, "--json")

    assert result.code == 0
    assert "1 .heic" in "".join(result.document["warnings"])


@pytest.mark.parametrize("name", ["two words.png", "ärger ✓.png", "[bold]tag.png", "tab\tname.png"])
def test_predict__any_file_name__comes_back_whole(run, adapter, unlabelled, tmp_path, name):
    shutil.copy(unlabelled / "lynx-0.png", tmp_path / name)

    result = run("predict", adapter, tmp_path / name, "--csv-raw")

    assert lines(result)[0][0] == str(tmp_path / name)
