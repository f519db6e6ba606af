from __future__ import annotations

import importlib.util
import runpy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metaadapter.errors import DataError, IncompatibleArtifact, UsageError
from metaadapter.features.store import store_to_embeddings as writing
from metaadapter.features.store.embedding_folder import EmbeddingFolder, is_embedding_folder
from metaadapter.features.store.embeddings_to_store import embeddings_to_store
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.store_to_embeddings import store_to_embeddings
from metaadapter.features.views import unit_rows

LABELS = ("heron", "lynx")


@pytest.fixture
def rows(encoder):
    return np.random.default_rng(0).standard_normal((26, encoder.dim)).astype(np.float16)


@pytest.fixture
def write(tmp_path, rows):
    """Writes the rows as clip-retrieval writes parts of some rows, `digits` long."""

    def parts(size=2, digits=1, folder=tmp_path / "embeddings", **columns):
        for number, start in enumerate(range(0, len(rows), size)):
            some = range(start, min(start + size, len(rows)))
            facts = {
                "image_path": [f"{row}.jpg" for row in some],
                "label": [LABELS[row % 2] for row in some],
            } | {name: list(values[some.start : some.stop]) for name, values in columns.items()}
            name = str(number).zfill(digits)
            for kind in ("img_emb", "metadata"):
                (folder / kind).mkdir(parents=True, exist_ok=True)
            np.save(folder / "img_emb" / f"img_emb_{name}.npy", rows[some.start : some.stop])
            pd.DataFrame(facts).to_parquet(folder / "metadata" / f"metadata_{name}.parquet")
        return folder

    return parts


@pytest.fixture
def read(encoder, tmp_path):
    """Makes tmp_path/store of a folder and returns it with the report and the warnings."""

    def store(folder, **options):
        report, warnings = embeddings_to_store(
            EmbeddingFolder.open(folder), encoder, tmp_path / "store", **options
        )
        return FeatureStore.open(tmp_path / "store"), report, warnings

    return store


@pytest.mark.parametrize("digits", [1, 4])
def test_read__thirteen_parts__are_in_order_with_the_facts_of_each_row(write, read, rows, digits):
    store, report, warnings = read(write(digits=digits))

    np.testing.assert_array_equal(store.features, unit_rows(rows.astype("f4")).astype("f2"))
    pictures = store.rows.pictures()
    assert [picture.path for picture in pictures] == [f"{row}.jpg" for row in range(26)]
    assert [picture.label for picture in pictures] == [LABELS[row % 2] for row in range(26)]
    assert (report.n_new, report.n_total, report.quarantined) == (0, 26, ())
    assert "no picture was found at its path" in warnings[0]


def test_read__labels__have_the_texts_of_the_encoder(write, read, encoder):
    store, *_ = read(write())

    expected = dict(zip(LABELS, encoder.encode_texts(LABELS), strict=True))
    assert store.class_texts().keys() == expected.keys()
    for label, text in expected.items():
        np.testing.assert_allclose(store.class_texts()[label], text, atol=1e-6)
    assert store.header.recipe.require_same(store.header.recipe, store.folder) is None
    assert store.fingerprint.matches(encoder.fingerprint)


def test_read__columns__are_chosen_by_name_and_numbers_are_labels(write, read):
    kinds = [float("nan"), *([3.0] * 25)]
    folder = write(kind=kinds, address=[f"http://x/{row}" for row in range(26)])

    store, *_ = read(folder, path_column="address", label_column="kind")

    assert store.rows.label.tolist() == ["", *["3"] * 25]
    assert store.rows.path[25] == "http://x/25"
    with pytest.raises(UsageError, match="has no column 'colour'; it has image_path, label, kind"):
        read(folder, label_column="colour")


def test_read__without_labels__has_no_classes(write, read):
    store, *_ = read(write(), labelled=False)

    assert store.classes == ()


def test_read__rows_that_are_no_feature__are_left_out_and_recorded(write, read, rows):
    rows[3, 5], rows[20], rows[21, 0] = np.nan, 0, np.inf

    store, report, _ = read(write(size=10))

    assert store.n_pictures == 23
    assert "3.jpg" not in store.rows.path
    reasons = {str(picture.path): picture.reason for picture in report.quarantined}
    assert reasons == {
        "3.jpg": "its feature, row 3 of img_emb_0.npy, is not finite",
        "20.jpg": "its feature, row 0 of img_emb_2.npy, is zero",
        "21.jpg": "its feature, row 1 of img_emb_2.npy, is not finite",
    }
    assert [entry.path for entry in store.header.quarantined] == [*reasons]
    assert store.rows.label.tolist() == [
        LABELS[row % 2] for row in range(26) if row not in (3, 20, 21)
    ]


def test_read__row_without_a_path__is_left_out_and_recorded(write, read):
    paths = [None if row == 3 else f"{row}.jpg" for row in range(26)]

    store, report, _ = read(write(size=26, image_path=paths))

    assert store.n_pictures == 25
    assert "None" not in store.rows.path
    (left_out,) = report.quarantined
    assert left_out.path.endswith("metadata_0.parquet")
    assert left_out.reason == "row 3 of img_emb_0.npy has no path"


def test_read__no_usable_row__is_refused(write, read, rows):
    rows[:] = 0

    with pytest.raises(DataError, match="none of the 26 rows"):
        read(write())


def test_read__pictures_at_their_paths__are_compared(
    write, read, rows, encoder, write_many, tmp_path
):
    write_many(tmp_path / "pictures", 26)
    paths = sorted((tmp_path / "pictures").rglob("*.*"))[:26]
    folder = write(image_path=[str(path) for path in paths])

    with pytest.raises(IncompatibleArtifact, match="computes other features"):
        read(folder)

    rows[:] = encoder.encode_images(paths)
    _, _, warnings = read(write(image_path=[str(path) for path in paths]))
    assert warnings == []


def test_read__features_of_another_width__are_refused(write, encoder, rows, monkeypatch, read):
    folder = write()
    for file in folder.glob("img_emb/*"):
        np.save(file, np.ones((2, 7), np.float16))

    with pytest.raises(IncompatibleArtifact, match="are 7 wide, but those of the encoder"):
        read(folder)


def damage(folder, name, content):
    (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda f: (f / "metadata/metadata_10.parquet").unlink(), "part 10 .* metadata has no"),
        (lambda f: (f / "img_emb/img_emb_2.npy").unlink(), "part 2 .* img_emb has no file"),
        (
            lambda f: np.save(f / "img_emb/img_emb_1.npy", np.ones((3, 16), np.float16)),
            "img_emb_1.npy has 3 rows, but .*metadata_1.parquet has 2",
        ),
        (
            lambda f: np.save(f / "img_emb/img_emb_1.npy", np.ones((2, 16), np.float32)),
            "16 numbers of float16 a row, but .*img_emb_1.npy has 16 numbers of float32",
        ),
        (
            lambda f: np.save(f / "img_emb/img_emb_1.npy", np.ones((2, 15), np.float16)),
            "16 numbers of float16 a row, but .* has 15 numbers",
        ),
        (
            lambda f: np.save(f / "img_emb/img_emb_0.npy", np.ones((2, 16), np.int8)),
            r"expected features .* got \(2, 16\) of int8",
        ),
        (lambda f: shutil.copy(f / "img_emb/img_emb_1.npy", f / "img_emb/img_emb_01.npy"), "same"),
        (
            lambda f: shutil.copy(f / "img_emb/img_emb_1.npy", f / "img_emb/copy.npy"),
            "got copy.npy",
        ),
        (
            lambda f: damage(f, "img_emb/img_emb_3.npy", b"\x93NUMPY broken"),
            "img_emb_3.npy cannot be read",
        ),
        (
            lambda f: damage(
                f, "img_emb/img_emb_3.npy", (f / "img_emb/img_emb_3.npy").read_bytes()[:-9]
            ),
            "img_emb_3.npy cannot be read",
        ),
        (
            lambda f: damage(f, "metadata/metadata_3.parquet", b"PAR1 and no more"),
            "metadata_3.parquet: .*copy this part again",
        ),
    ],
)
def test_open__damage__names_the_part(write, break_it, message):
    folder = write()
    break_it(folder)

    with pytest.raises(DataError, match=message):
        EmbeddingFolder.open(folder)


def test_open__a_lost_part__is_told(write, read):
    folder = write()
    (folder / "img_emb" / "img_emb_4.npy").unlink()
    (folder / "metadata" / "metadata_4.parquet").unlink()

    store, _, warnings = read(folder)

    assert store.n_pictures == 24
    assert "has no part 4" in warnings[-1]


def test_write__parts__are_read_back_by_name_order_and_as_a_store(
    make_store, read, tmp_path, monkeypatch
):
    store = make_store("given", {"heron": 11, "lynx": 11}, width=16, n_views=2, seed=3)
    monkeypatch.setattr(writing, "PART_ROWS", 2)

    assert store_to_embeddings(store, tmp_path / "out") == 11

    files = sorted((tmp_path / "out" / "img_emb").iterdir())
    assert (files[0].name, files[-1].name) == ("img_emb_00.npy", "img_emb_10.npy")
    features = np.concatenate([np.load(file) for file in files])
    means, labels = store.mean_features()
    np.testing.assert_array_equal(features, means.astype(np.float16))
    tables = [pd.read_parquet(file) for file in sorted((tmp_path / "out" / "metadata").iterdir())]
    table = pd.concat(tables)
    assert table["label"].tolist() == labels.tolist()
    assert table["image_path"].tolist() == [f"{number}.png" for number in range(22)]
    again, *_ = read(tmp_path / "out")
    np.testing.assert_allclose(again.features, features, atol=1e-3)  # scaled to length 1 once more
    assert again.rows.label.tolist() == labels.tolist()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"img_emb", "metadata"}


def test_write__over_other_files__is_refused(make_store, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()

    with pytest.raises(DataError, match="is not empty"):
        store_to_embeddings(make_store("given", {"heron": 2}), tmp_path / "out")


def test_write__killed__leaves_nothing_that_counts(make_store, tmp_path, kill_at, monkeypatch):
    store = make_store("given", {"heron": 5})
    monkeypatch.setattr(writing, "PART_ROWS", 2)
    for number in range(5):
        kill_at(number, store_to_embeddings, store, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    store_to_embeddings(store, tmp_path / "out")

    assert len(EmbeddingFolder.open(tmp_path / "out")) == 5
    assert not (tmp_path / "out.partial").exists()


def test_folder__of_classes__is_no_embedding_folder(tmp_path, write):
    (tmp_path / "img_emb").mkdir()
    (tmp_path / "metadata").mkdir()

    assert not is_embedding_folder(tmp_path)
    assert is_embedding_folder(write())


@pytest.mark.slow
def test_write__is_read_by_embedding_reader(make_store, tmp_path, monkeypatch):
    embedding_reader = pytest.importorskip("embedding_reader")
    store = make_store("given", {"heron": 11, "lynx": 11}, width=16)
    monkeypatch.setattr(writing, "PART_ROWS", 2)
    store_to_embeddings(store, tmp_path / "out")

    reader = embedding_reader.EmbeddingReader(
        str(tmp_path / "out" / "img_emb"),
        file_format="parquet_npy",
        metadata_folder=str(tmp_path / "out" / "metadata"),
        meta_columns=["image_path", "label"],
    )
    batches = list(reader(batch_size=5, show_progress=False))

    assert (reader.count, reader.dimension) == (22, 16)
    features = np.concatenate([batch for batch, _ in batches])
    facts = pd.concat([table for _, table in batches])
    np.testing.assert_array_equal(features, store.mean_features()[0].astype(np.float16))
    assert facts["label"].tolist() == store.rows.label.tolist()
    assert facts["image_path"].tolist() == store.rows.path.tolist()


@pytest.mark.slow
def test_read__what_clip_retrieval_itself_writes__is_the_same(rows, read, tmp_path):
    package = importlib.util.find_spec("clip_retrieval")
    if package is None:
        pytest.skip("needs clip-retrieval")
    # The file alone: the package imports faiss and a web server.
    file = Path(package.origin).parent / "clip_inference" / "writer.py"
    writer = runpy.run_path(str(file))
    for number in range(13):
        some = slice(2 * number, 2 * number + 2)
        sink = writer["NumpyWriter"](number, str(tmp_path / "own"), True, True, True, 13)
        names = [f"{row}.jpg" for row in range(26)[some]]
        sink(
            {
                "image_embs": rows[some],
                "text_embs": rows[some],
                "image_filename": names,
                "text": ["a caption", "another"],
                "metadata": [f'{{"label": "{LABELS[row % 2]}", "url": "x"}}' for row in range(2)],
            }
        )
        sink.flush()

    store, *_ = read(tmp_path / "own")

    np.testing.assert_array_equal(store.features, unit_rows(rows.astype("f4")).astype("f2"))
    assert store.rows.path.tolist() == [f"{row}.jpg" for row in range(26)]
    assert store.rows.label.tolist() == list(LABELS) * 13
