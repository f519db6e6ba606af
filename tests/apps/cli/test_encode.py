from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from metaadapter.features.encoder import FrozenEncoder
from metaadapter.features.store import encode_to_store as store_encoding
from metaadapter.features.store.feature_store import FeatureStore


def test_encode__labelled_folder__writes_a_store_and_says_what_is_in_it(encode, labelled, tmp_path):
    result = encode(labelled)

    assert result.code == 0
    assert "9 pictures, 3 classes (9 new, 0 reused, 0 removed, 0 unreadable)" in result.out
    assert "bytes" not in result.err
    assert FeatureStore.open(tmp_path / "store").classes == ("heron", "lynx", "red_fox")


def test_encode__features__are_those_of_the_encoder(encode, labelled, encoder, tmp_path):
    encode(labelled, "--views", "2", "--seed", "5")

    store = FeatureStore.open(tmp_path / "store")
    paths = [picture.path for picture in store.rows.pictures()]
    expected = FrozenEncoder.load(str(encoder)).encode_images(paths, views=2, seed=5)
    np.testing.assert_allclose(store.mean_features()[0], expected, atol=2e-3)  # float16 on disk


def test_encode__json__has_counts_and_no_duplicates(encode, labelled):
    document = encode(labelled, "--json").document

    assert document["counts"] == {"heron": 3, "lynx": 3, "red_fox": 3}
    assert document["duplicates"] == []


def test_encode__second_run__encodes_only_what_is_new_and_counts_what_left(
    encode, pictures, unlabelled
):
    encode(pictures)
    (pictures / "lynx" / "0.png").unlink()
    shutil.copy(unlabelled / "heron-0.png", pictures / "heron")

    document = encode(pictures, "--json").document

    counts = [document[f"n_{kind}"] for kind in ("new", "reused", "removed", "total")]
    assert counts == [1, 8, 1, 9]


def test_encode__unreadable_pictures__are_listed_ten_at_most_and_all_in_json(encode, pictures):
    for number in range(12):
        (pictures / "lynx" / f"broken-{number:02}.jpg").write_bytes(b"no picture")

    result = encode(pictures)
    document = encode(pictures, "--json").document

    assert result.code == 0
    assert "left out, because unreadable: 12" in result.err
    assert result.err.count("broken-") == 10
    assert "and 2 more" in result.err
    assert len(document["quarantined"]) == 12
    assert set(document["quarantined"][0]) == {"path", "reason"}


def test_encode__flat_folder__has_no_classes_and_says_so(encode, unlabelled, tmp_path):
    result = encode(unlabelled)

    assert result.code == 0
    assert "flat folder, so its pictures are encoded without classes" in result.err
    assert FeatureStore.open(tmp_path / "store").classes == ()


def test_encode__one_class_only__offers_to_do_without_classes(encode, labelled, tmp_path):
    shutil.copytree(labelled / "lynx", tmp_path / "pictures" / "lynx")

    refused = encode(tmp_path / "pictures")
    accepted = encode(tmp_path / "pictures", "--no-labels")

    assert refused.code == 3
    assert "at least two classes" in refused.err
    assert "--no-labels" in refused.err
    assert accepted.code == 0


def test_encode__missing_folder__ends_with_3(encode, tmp_path):
    result = encode(tmp_path / "nowhere")

    assert result.code == 3
    assert "there is no file or folder" in result.err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        *(
            (("--shard", shard), f"expected a shard I/N with I from 1 to N, got '{shard}'")
            for shard in ("0/2", "3/2", "1", "a/b", "1/0")
        ),
        (("--drop-duplicates", "--shard", "1/2"), "equal pictures may lie in two shards"),
    ],
)
def test_encode__options_that_do_not_fit__end_with_2(encode, labelled, options, reason):
    result = encode(labelled, *options)

    assert result.code == 2
    assert reason in result.err


def test_encode__shard__takes_its_part(encode, labelled):
    assert encode(labelled, "--shard", "2/2", "--json").document["n_total"] == 4


def test_encode__store_of_another_encoder__ends_with_4(encode, labelled, other_encoder):
    encode(labelled)

    result = encode(labelled, "--encoder", other_encoder)

    assert result.code == 4
    assert "cannot be compared" in result.err


def test_encode__interrupted__ends_with_130_and_prints_the_command_that_goes_on(
    encode, unlabelled, encoder, tmp_path, monkeypatch
):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(store_encoding, "encode_to_store", interrupt)

    result = encode(unlabelled)  # a name with spaces, which a shell needs in quotes

    assert result.code == 130
    store = tmp_path / "store"
    command = f"metaadapter encode '{unlabelled}' --out {store} --encoder {encoder}"
    assert result.err.splitlines()[-1].strip() == command


def test_encode__quiet__says_nothing_but_the_result(encode, unlabelled):
    result = encode(unlabelled, "--quiet")

    assert result.err == ""
    assert result.out.count("\n") == 1


@pytest.fixture
def with_copies(pictures):
    """Nine pictures, of which one stands a second time in its class and once in another."""
    for copy in ("heron/0-copy.png", "lynx/copy.png"):
        shutil.copy(pictures / "heron" / "1.png", pictures / copy)
    return pictures


def test_encode__equal_pictures__are_pointed_out_with_their_labels(encode, with_copies):
    result = encode(with_copies)
    document = encode(with_copies, "--json").document

    assert result.code == 0
    message = " ".join(result.err.split())
    assert "pictures with the same bytes as another one: 2; evaluations keep those of" in message
    assert "to keep one of each: --drop-duplicates" in message
    names = ("heron/0-copy.png", "heron/1.png", "lynx/copy.png")
    copies = [str(with_copies / name) for name in names]
    assert " = ".join(copies) in message
    contradiction = f"is in 'heron' ({copies[0]}) and 'lynx' ({copies[2]}); remove it"
    assert contradiction in message
    assert contradiction in document["warnings"][0]
    assert (document["n_total"], document["n_dropped"]) == (11, 0)
    labels = ("heron", "heron", "lynx")
    assert document["duplicates"] == [
        [{"path": path, "label": label} for path, label in zip(copies, labels, strict=True)]
    ]


def test_encode__drop_duplicates__keeps_the_first_by_path(encode, with_copies, tmp_path):
    result = encode(with_copies, "--drop-duplicates")

    assert "9 pictures, 3 classes (9 new, " in result.out
    assert "0 unreadable, 2 duplicates dropped)" in result.out
    assert "left out, because another picture has the same bytes: 2" in result.err
    store = FeatureStore.open(tmp_path / "store")
    names = [picture.path.removeprefix(str(with_copies)) for picture in store.rows.pictures()]
    assert len(set(store.rows.sha256)) == len(names) == 9
    assert "/heron/0-copy.png" in names
    assert not {"/heron/1.png", "/lynx/copy.png"} & set(names)


def test_encode__drop_duplicates_from_a_store__needs_no_encoding(encode, with_copies):
    encode(with_copies)

    document = encode(with_copies, "--drop-duplicates", "--json").document

    assert [document[f"n_{kind}"] for kind in ("new", "total", "dropped")] == [0, 9, 2]


def test_encode__several_templates__add_up(encode, encoder, labelled, tmp_path):
    sentences = ("a sketch of {}", "a photo of {}")

    result = encode(
        labelled, *(word for sentence in sentences for word in ("--templates", sentence))
    )

    assert result.code == 0, result.err
    store = FeatureStore.open(tmp_path / "store")
    assert store.header.templates == sentences
    clip = FrozenEncoder.load(str(encoder), templates="{}")
    rows = clip.encode_texts([sentence.format("red fox") for sentence in sentences])
    mean = rows.mean(0)  # each row has length 1
    expected = mean / np.linalg.norm(mean)
    np.testing.assert_allclose(store.class_texts()["red_fox"], expected, atol=1e-6)


def test_encode__names__stand_in_the_store_for_the_labels(encode, encoder, labelled, tmp_path):
    names = tmp_path / "names.json"
    names.write_text('{"red_fox": "fox in winter"}')

    result = encode(labelled, "--names", names)

    store = FeatureStore.open(tmp_path / "store")
    assert result.code == 0
    assert store.classes == ("fox in winter", "heron", "lynx")
    (expected,) = FrozenEncoder.load(str(encoder)).encode_texts(["fox in winter"])
    np.testing.assert_allclose(store.class_texts()["fox in winter"], expected, atol=1e-6)


def test_encode__names_without_labels__are_refused(encode, labelled, tmp_path):
    (tmp_path / "names.json").write_text('{"red_fox": "fox"}')

    result = encode(labelled, "--no-labels", "--names", tmp_path / "names.json")

    assert result.code == 2
    assert "--names gives names to classes" in result.err


def test_encode__detections__are_the_boxes_of_a_manifest(run, labelled, encoder, tmp_path):
    box = [0.25, 0.25, 0.5, 0.5]
    paths = sorted(labelled.glob("*/*.png"))
    images = [
        {
            "file": path.relative_to(labelled).as_posix(),
            "detections": [{"category": "1", "conf": 0.9, "bbox": box}],
        }
        for path in paths
    ]
    (tmp_path / "boxes.json").write_text(json.dumps({"info": {}, "images": images}))
    rows = [f"{path},{path.parent.name},{','.join(map(str, box))}" for path in paths]
    head = "path,label,box_left,box_top,box_width,box_height"
    (tmp_path / "boxes.csv").write_text("\n".join([head, *rows]))

    detected = ("encode", labelled, "--detections", tmp_path / "boxes.json")
    for command, out in ((detected, "detected"), (("encode", tmp_path / "boxes.csv"), "listed")):
        done = run(*command, "--encoder", encoder, "--out", tmp_path / out)
        assert done.code == 0, done.err

    one, other = (FeatureStore.open(tmp_path / name) for name in ("detected", "listed"))
    assert one.rows.path.tolist() == other.rows.path.tolist()
    np.testing.assert_array_equal(one.by_picture()[:], other.by_picture()[:])


@pytest.fixture
def embeddings(labelled, encoder, tmp_path):
    """The labelled pictures, as clip-retrieval writes their embeddings."""
    loaded = FrozenEncoder.load(str(encoder), zoom=False, blocks=("joint",))
    paths = sorted(labelled.glob("*/*.png"))
    folder = tmp_path / "embeddings"
    (folder / "img_emb").mkdir(parents=True)
    (folder / "metadata").mkdir()
    np.save(folder / "img_emb" / "img_emb_0.npy", loaded.encode_images(paths).astype(np.float16))
    table = pd.DataFrame({"image_path": map(str, paths), "kind": [p.parent.name for p in paths]})
    table.to_parquet(folder / "metadata" / "metadata_0.parquet")
    return folder


def test_encode__embeddings__are_the_store_that_encoding_makes(
    encode, embeddings, labelled, run, tmp_path
):
    result = encode(embeddings, "--label-column", "kind", "--json")
    encode(labelled, "--no-zoom", "--blocks", "joint", out=tmp_path / "encoded")

    imported, encoded = (FeatureStore.open(tmp_path / name) for name in ("store", "encoded"))
    assert (result.document["n_new"], result.document["n_reused"]) == (0, 9)
    assert result.document["source"] == "embeddings of clip-retrieval"
    np.testing.assert_allclose(imported.features, encoded.features, atol=1e-3)
    np.testing.assert_allclose(imported.texts, encoded.texts, atol=1e-6)
    assert imported.rows.label.tolist() == encoded.rows.label.tolist()
    assert imported.header.recipe == encoded.header.recipe
    assert run("adapt", tmp_path / "store", "--out", tmp_path / "adapter").code == 0
    assert run("predict", tmp_path / "adapter", labelled, "--labelled").code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--views 2", "--views needs pictures, but"),
        ("--zoom", "--zoom needs pictures"),
        ("--shard 1/2", "--shard needs pictures"),
        ("--label-column colour", "has no column 'colour'"),
    ],
)
def test_encode__embeddings_with_options_of_pictures__is_refused(
    encode, embeddings, words, message
):
    result = encode(embeddings, *words.split())

    assert (result.code, message in result.err) == (2, True)


def test_encode__columns_of_embeddings_for_pictures__are_refused(encode, labelled):
    result = encode(labelled, "--label-column", "kind")

    assert result.code == 2
    assert "--label-column names a column of embeddings" in result.err
