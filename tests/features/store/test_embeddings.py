from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features.store import embedding_folder as writing
from metaadapter.features.store.embedding_folder import EmbeddingFolder, store_to_embeddings
from metaadapter.features.store.embeddings_to_store import embeddings_to_store
from metaadapter.features.store.feature_store import FeatureStore
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
            lambda f: np.save(f / "img_emb/img_emb_1.npy", np.ones((2, 15), np.float16)),
            r"expected features as \(pictures, 16\) .* got \(2, 15\)",
        ),
        (
            lambda f: np.save(f / "img_emb/img_emb_0.npy", np.ones((2, 16), np.int8)),
            r"expected features .* got \(2, 16\) of int8",
        ),
        (
            lambda f: shutil.copy(f / "img_emb/img_emb_1.npy", f / "img_emb/img_emb_01.npy"),
            "part 01 .* metadata has no",
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
    assert again.rows.of_pictures("label").tolist() == labels.tolist()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"img_emb", "metadata"}


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
    assert facts["label"].tolist() == store.rows.of_pictures("label").tolist()
    assert facts["image_path"].tolist() == store.rows.of_pictures("path").tolist()
