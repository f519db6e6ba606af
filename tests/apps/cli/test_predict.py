from __future__ import annotations

import csv
import functools
import shutil

import numpy as np
import pytest

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.workflow import prediction_parts
from metaadapter.workflow.estimator import MetaAdapterClassifier

PREDICTION_KEYS = {
    *("path", "label", "probability", "runner_up", "runner_up_probability", "in_support"),
    *("probabilities", "known", "unfamiliar", "set"),
}


@pytest.fixture
def predict(run, adapter):
    """`metaadapter predict ADAPTER …` with the adapter of the small encoder."""
    return functools.partial(run, "predict", adapter)


def lines(result):
    return list(csv.reader(result.out.splitlines(), delimiter="\t"))


def shares_in(document):
    return [[*row["probabilities"].values()] for row in document["predictions"]]


@pytest.mark.parametrize(
    ("views", "seed"), [(1, 0), (3, 4)], ids=["whole pictures", "several views"]
)
def test_predict__folder__agrees_with_the_classifier(
    run, adapt, labelled, unlabelled, encoder, tmp_path, views, seed
):
    adapt(labelled, "--views", views, "--seed", seed)

    document = run("predict", tmp_path / "adapter", unlabelled, "--json").document

    paths = sorted(unlabelled.iterdir())
    X = FrozenEncoder.load(str(encoder)).encode_images(paths, views=views, seed=seed)
    expected = MetaAdapterClassifier.load(tmp_path / "adapter").predict_proba(X)
    assert [row["path"] for row in document["predictions"]] == [str(path) for path in paths]
    assert document["classes"] == ["heron", "lynx", "red_fox"]
    assert set(document["predictions"][0]) == PREDICTION_KEYS
    # Features are kept in float16.
    np.testing.assert_allclose(shares_in(document), expected, atol=2e-2)


def test_predict__no_terminal__prints_tab_separated_lines(predict, unlabelled):
    result = predict(unlabelled)

    assert result.code == 0
    assert len(lines(result)) == 6
    path, label, probability, runner_up, second, known, _ = lines(result)[0]
    assert path == str(unlabelled / "heron-0.png")
    assert {label, runner_up} < {"heron", "lynx", "red_fox"}
    assert float(probability) >= float(second)
    assert 0 < float(known) < 1


def test_predict__terminal__draws_a_table(predict, unlabelled, monkeypatch, terminal):
    monkeypatch.setenv("TERM", "dumb")

    result = predict(unlabelled / "heron-0.png")

    assert "picture" in result.out.splitlines()[0]
    assert "runner-up" in result.out.splitlines()[0]
    assert "heron-0.png" in result.out


def test_predict__several_sources__are_listed_one_after_the_other(predict, labelled, unlabelled):
    lynx, fox = unlabelled / "lynx-0.png", unlabelled / "red_fox-1.png"

    result = predict(lynx, fox, labelled)

    assert [line[0] for line in lines(result)[:2]] == [str(lynx), str(fox)]
    assert len(lines(result)) == 2 + 9


@pytest.mark.parametrize("pictures_at_once", [2, 100])
def test_predict__unreadable_pictures_among_others__are_listed(
    predict, unlabelled, tmp_path, monkeypatch, pictures_at_once
):
    source = shutil.copytree(unlabelled, tmp_path / "pictures")
    broken = [source / f"a-{number}.jpg" for number in range(3)]
    for path in broken:
        path.write_bytes(b"no picture")
    monkeypatch.setattr(prediction_parts, "PICTURES_AT_ONCE", pictures_at_once)

    result = predict(source, "--json")

    assert result.code == 0
    assert "left out, because unreadable: 3" in result.err
    paths = [row["path"] for row in result.document["quarantined"]]
    assert paths == [str(path) for path in broken]
    assert len(result.document["predictions"]) == 6


@pytest.mark.parametrize(
    ("source", "options", "reason"),
    [
        ("broken.jpg", (), "broken.jpg"),
        ("nowhere.jpg", (), "nowhere.jpg"),
        ("pictures", ("--labelled",), "'wolf'"),
        ("pictures", ("--csv", "nowhere/answers.csv"), "cannot write"),
    ],
    ids=["unreadable", "missing", "another class", "table in no folder"],
)
def test_predict__data_that_cannot_be_used__ends_with_3(
    predict, pictures, tmp_path, monkeypatch, source, options, reason
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (pictures / "lynx").rename(pictures / "wolf")

    result = predict(source, *options)

    assert result.code == 3
    assert reason in result.err


def test_predict__folder_that_is_no_adapter__ends_with_4(run, labelled, unlabelled):
    result = run("predict", labelled, unlabelled, "--json")

    assert result.code == 4
    assert result.document["error"]["kind"] == "incompatible-artifact"
    assert "is not an adapter" in result.err


def test_predict__adapter_that_does_not_exist__names_one_of_a_similar_name(
    run, adapter, unlabelled, tmp_path
):
    shutil.copytree(adapter, tmp_path / "animals")

    result = run("predict", tmp_path / "animal", unlabelled)

    assert result.code == 4
    assert f"did you mean {tmp_path / 'animals'}?" in result.err


def test_predict__other_encoder__ends_with_4(
    predict, encode, adapter, unlabelled, other_encoder, tmp_path
):
    encode(unlabelled, "--encoder", other_encoder)

    of_pictures = predict(unlabelled, "--encoder", other_encoder)
    of_store = predict(tmp_path / "store")

    assert of_pictures.code == of_store.code == 4
    assert f"the adapter {adapter} was made with the encoder" in of_pictures.err


def test_predict__adapter_of_unnamed_features__asks_for_an_encoder_of_their_width(
    run, encode, unlabelled, encoder, tmp_path
):
    X = np.eye(4, 16, dtype=np.float32)
    MetaAdapterClassifier(logit_scale=100.0).fit(X, ["a", "a", "b", "b"]).save(tmp_path / "adapter")
    store = tmp_path / "store"
    encode(unlabelled, "--no-zoom")

    unnamed = run("predict", tmp_path / "adapter", unlabelled)
    of_store = run("predict", tmp_path / "adapter", store)
    of_pictures = run("predict", tmp_path / "adapter", unlabelled, "--encoder", encoder)

    assert unnamed.code == 2
    assert "--encoder" in unnamed.err
    assert of_store.code == of_pictures.code == 4
    assert f"features 16 wide, but those of the feature store {store} are 32 wide" in of_store.err
    assert f"features 16 wide, but those of the encoder {encoder} are 32 wide" in of_pictures.err


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
    labels = {row["path"]: row["label"] for row in result.document["predictions"]}
    assert [labels[str(path)] for path in paths] == expected.tolist()
    assert not result.document["zoom"]  # what its configuration says


def test_predict__encoder_that_was_moved__is_found_by_the_option(
    predict, unlabelled, encoder, tmp_path
):
    moved = shutil.copytree(encoder, tmp_path / "moved")

    result = predict(unlabelled, "--encoder", moved)

    assert result.code == 0
    assert result.out == predict(unlabelled).out


def test_predict__rank__puts_the_most_probable_of_a_class_first(predict, unlabelled):
    result = predict(unlabelled, "--rank", "red_fox", "--top", "3")

    probabilities = [float(line[5]) for line in lines(result)]
    assert len(probabilities) == 3
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--rank", "red fox"), "--rank: there is no class 'red fox'; did you mean 'red_fox'?"),
        (("--rank", "lynx", "--sort", "sure"), "--rank and --sort are two orders"),
    ],
)
def test_predict__order_that_cannot_be__ends_with_2(predict, unlabelled, options, reason):
    result = predict(unlabelled, *options)

    assert result.code == 2
    assert reason in result.err


def test_predict__sort__orders_by_the_probability_of_the_label(predict, unlabelled):
    sure = lines(predict(unlabelled, "--sort", "sure"))
    doubtful = lines(predict(unlabelled, "--sort", "doubtful"))

    shares = [float(line[2]) for line in sure]
    assert shares == sorted(shares, reverse=True)
    assert doubtful[0] == sure[-1]


def rows_of(file):
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def test_predict__csv__has_the_probability_of_each_class(predict, unlabelled, tmp_path):
    file = tmp_path / "answers ü.csv"

    result = predict(unlabelled, "--csv", file)

    rows = rows_of(file)
    assert result.out == ""
    assert f"wrote 6 predictions to {file}" in result.err
    assert list(rows[0])[:5] == [
        *("path", "label", "probability", "runner_up", "runner_up_probability")
    ]
    shares = [[float(row[f"p_{label}"]) for label in ("heron", "lynx", "red_fox")] for row in rows]
    np.testing.assert_allclose(np.sum(shares, axis=1), 1)
    np.testing.assert_allclose(np.max(shares, axis=1), [float(row["probability"]) for row in rows])


@pytest.fixture
def interrupt_after(monkeypatch):
    """Ctrl-C while the pictures after the first so many are encoded, two at a time."""
    encode = prediction_parts.encode_rows

    def arrange(n_pictures):
        left = [n_pictures]

        def encode_some(pictures, *arguments, **options):
            if left[0] <= 0:
                raise KeyboardInterrupt
            left[0] -= len(pictures)
            return encode(pictures, *arguments, **options)

        monkeypatch.setattr(prediction_parts, "PICTURES_AT_ONCE", 2)
        monkeypatch.setattr(prediction_parts, "encode_rows", encode_some)

    return arrange


@pytest.fixture
def to_csv(predict, unlabelled, tmp_path):
    """`predict` of the unlabelled pictures into the table tmp_path/answers.csv."""

    def command(*options, source=unlabelled):
        return predict(source, "--csv", tmp_path / "answers.csv", *options)

    return command


def test_predict__csv_of_an_interrupted_run__holds_what_was_predicted(
    to_csv, unlabelled, tmp_path, interrupt_after
):
    to_csv()
    whole = rows_of((tmp_path / "answers.csv").rename(tmp_path / "whole.csv"))
    interrupt_after(4)

    result = to_csv("--json")

    partial = tmp_path / "answers.csv.partial"
    assert result.code == 130
    assert result.document["error"]["kind"] == "interrupted"
    assert f"for 4 pictures, are in {partial}" in result.err
    rows = rows_of(partial)
    assert [row["path"] for row in rows] == [str(path) for path in sorted(unlabelled.iterdir())[:4]]
    for row, expected in zip(rows, whole, strict=False):
        assert row["label"] == expected["label"]
        assert float(row["probability"]) == pytest.approx(float(expected["probability"]), abs=1e-3)
    assert not (tmp_path / "answers.csv").exists()


def test_predict__csv_interrupted_before_the_first_picture__leaves_no_file(
    to_csv, tmp_path, interrupt_after
):
    interrupt_after(0)

    assert to_csv().code == 130

    assert list(tmp_path.iterdir()) == []


def test_predict__csv_of_before__is_whole_after_an_interruption(to_csv, tmp_path, interrupt_after):
    to_csv()
    before = (tmp_path / "answers.csv").read_bytes()
    interrupt_after(2)

    to_csv("--rank", "lynx")

    assert (tmp_path / "answers.csv").read_bytes() == before


def test_predict__same_command_after_an_interruption__goes_on_with_its_rows(
    to_csv, tmp_path, interrupt_after
):
    interrupt_after(4)
    stopped = to_csv()
    interrupt_after(2)

    done = to_csv()

    assert stopped.code == 130
    assert "the same command resumes there" in stopped.err
    assert done.code == 0
    assert "4 of the predictions are from the interrupted run" in done.err
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name] == []
    resumed = (tmp_path / "answers.csv").read_bytes()
    interrupt_after(6)
    assert "interrupted run" not in to_csv().err
    assert (tmp_path / "answers.csv").read_bytes() == resumed


@pytest.mark.parametrize("more", [("--reject",), ("--keep", 0.6), ("--allowed", "lynx,heron")])
def test_predict__other_question_after_an_interruption__begins_anew(
    to_csv, tmp_path, interrupt_after, more
):
    interrupt_after(4)
    to_csv()
    interrupt_after(6)

    done = to_csv(*more)

    assert done.code == 0
    assert "interrupted run" not in done.err
    assert len(rows_of(tmp_path / "answers.csv")) == 6


def test_predict__picture_changed_after_an_interruption__is_asked_again(
    to_csv, unlabelled, tmp_path, interrupt_after
):
    pictures = shutil.copytree(unlabelled, tmp_path / "pictures")
    interrupt_after(4)
    to_csv(source=pictures)
    shutil.copy(pictures / "red_fox-0.png", pictures / "lynx-0.png")
    interrupt_after(6)

    done = to_csv(source=pictures)

    assert "2 of the predictions are from the interrupted run" in done.err
    rows = rows_of(tmp_path / "answers.csv")
    shares = {row["path"].rpartition("/")[2]: row["p_lynx"] for row in rows}
    assert len(shares) == 6
    assert shares["lynx-0.png"] == shares["red_fox-0.png"] != shares["lynx-1.png"]


def test_predict__csv_with_rank_and_top__is_the_list_in_its_order(
    predict, to_csv, unlabelled, tmp_path
):
    order = ("--rank", "lynx", "--top", "4")

    to_csv(*order)

    listed = [line[0] for line in lines(predict(unlabelled, *order))]
    assert [row["path"] for row in rows_of(tmp_path / "answers.csv")] == listed
    assert [path.name for path in tmp_path.iterdir()] == ["answers.csv"]


def test_predict__some_at_a_time__agrees_with_all_at_once(predict, unlabelled, monkeypatch):
    expected = predict(unlabelled, "--json").document["predictions"]
    monkeypatch.setattr(prediction_parts, "PICTURES_AT_ONCE", 4)

    some = predict(unlabelled, "--json").document["predictions"]

    assert [row["path"] for row in some] == [row["path"] for row in expected]
    for one, other in zip(some, expected, strict=True):
        assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-3)


def test_predict__labelled__tells_how_many_are_correct_with_the_interval(predict, labelled):
    result = predict(labelled, "--labelled", "--json")

    rows, accuracy = result.document["predictions"], result.document["scores"]["accuracy"]
    is_right = [row["path"].split("/")[-2] == row["label"] for row in rows]
    assert accuracy["value"] == np.mean(is_right)
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert accuracy["n"] == 9
    assert "95 % interval" in result.err
    assert "predicted correctly: " in predict(labelled, "--labelled", "--quiet").err


def test_predict__labelled_pictures_of_one_class__are_counted(predict, labelled, tmp_path):
    shutil.copytree(labelled / "lynx", tmp_path / "pictures" / "lynx")

    result = predict(tmp_path / "pictures", "--labelled", "--json")

    assert result.code == 0, result.err
    assert list(result.document["scores"]["recall"]) == ["lynx"]


def test_predict__split__is_read_alone(predict, labelled, unlabelled, tmp_path):
    shutil.copytree(labelled, tmp_path / "pictures" / "train")
    for picture in unlabelled.glob("*-0.png"):
        folder = tmp_path / "pictures" / "test" / picture.name.split("-")[0]
        folder.mkdir(parents=True)
        shutil.copy(picture, folder)

    result = predict(tmp_path / "pictures", "--labelled", "--split", "test")

    assert len(lines(result)) == 3
    assert "of these very pictures" not in result.err


def test_predict__feature_store__needs_no_encoder(
    predict, encode, unlabelled, tmp_path, monkeypatch
):
    def refuse_to_load(*_, **__):
        raise AssertionError("the encoder was loaded")

    encode(unlabelled)
    expected = predict(unlabelled).out
    monkeypatch.setattr(FrozenEncoder, "load", refuse_to_load)

    assert predict(tmp_path / "store").out == expected


def test_predict__feature_store_with_other_views__is_used_with_a_warning(
    predict, encode, unlabelled, tmp_path
):
    encode(unlabelled, "--views", "2")

    result = predict(tmp_path / "store")

    assert result.code == 0
    assert "averages 2 view(s)" in result.err


def test_predict__pictures_of_an_unread_format__are_not_passed_over_in_silence(
    predict, unlabelled, tmp_path
):
    folder = shutil.copytree(unlabelled, tmp_path / "phone")
    (folder / "IMG_0001.HEIC").write_bytes(b"not read here")

    result = predict(folder, "--json")

    assert result.code == 0
    assert "1 .heic" in "".join(result.document["warnings"])


@pytest.mark.parametrize("name", ["two words.png", "ärger ✓.png", "[bold]tag.png", "tab\tname.png"])
def test_predict__any_file_name__comes_back_whole(predict, unlabelled, tmp_path, name):
    shutil.copy(unlabelled / "lynx-0.png", tmp_path / name)

    result = predict(tmp_path / name, "--csv-raw")

    assert lines(result)[0][0] == str(tmp_path / name)
