from __future__ import annotations

import errno
import os
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest

from metaadapter.data.decode import decode_image
from metaadapter.data.table import ImageTable
from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.features.store.encode_to_store import encode_to_store
from metaadapter.features.store.feature_store import FeatureStore
from metaadapter.features.store.header import StoreHeader, hold_folder
from metaadapter.files.progress import Progress, showing


@pytest.fixture
def write_at_once(monkeypatch):
    monkeypatch.setattr("metaadapter.features.store.kept_features.COMMIT_SECONDS", 0.0)


def features_by_path(store: FeatureStore) -> dict[str, list[list[float]]]:
    features = store.by_picture()[:].tolist()
    return dict(zip(store.rows.of_pictures("path"), features, strict=True))


def test_encode__folder__each_row_is_the_unit_feature_of_its_picture(
    encode, pictures, read_table, encoder, tmp_path
):
    report = encode(batch_size=5)

    store = FeatureStore.open(tmp_path / "store")
    store.fingerprint.require_match(encoder.fingerprint, owner="it")
    assert (report.n_new, report.n_reused, report.n_total) == (12, 0, 12)
    assert list(store.rows.of_pictures("path")) == [
        str(row.path) for row in read_table(pictures).rows
    ]
    for path, feature in zip(store.rows.of_pictures("path"), store.features, strict=True):
        alone = encoder.encode_pixels(encoder.preprocess(decode_image(Path(path)))[None])[0]
        np.testing.assert_allclose(feature, alone, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(store.features.astype(float), axis=1), 1, atol=1e-3)


def test_encode__views__do_not_depend_on_order_or_batch_size(
    encode, pictures, read_table, encoder, tmp_path
):
    table = read_table(pictures)
    backwards = ImageTable(table.rows[::-1], table.source)

    encode("a", views=3, batch_size=3, workers=1)
    encode_to_store(backwards, encoder, tmp_path / "b", views=3, batch_size=32, workers=3)

    a, b = (features_by_path(FeatureStore.open(tmp_path / name)) for name in "ab")
    assert a == b


def test_encode__pictures_moved_changed_added_and_removed__encodes_only_what_is_new(
    encode, pictures, make_encoder, tmp_path
):
    encode()
    (pictures / "heron/000.png").rename(pictures / "stork/moved.png")
    (pictures / "heron/002.png").unlink()
    decode_image(pictures / "heron/004.png").rotate(90, fillcolor="red").save(
        pictures / "heron/004.png"
    )
    decode_image(pictures / "stork/001.png").rotate(45).save(pictures / "stork/added.png")

    again = make_encoder()
    report = encode(encoder=again)

    encode("anew", make_encoder())
    counts = (report.n_new, report.n_reused, report.n_removed, report.n_total)
    assert counts == (2, 10, 2, 12)
    assert again.n_rows_encoded == 2
    updated, anew = FeatureStore.open(tmp_path / "store"), FeatureStore.open(tmp_path / "anew")
    assert updated.rows.pictures() == anew.rows.pictures()
    np.testing.assert_array_equal(updated.features, anew.features)
    assert updated.header.counts == {"heron": 4, "stork": 8}


def test_encode__same_bytes_at_two_paths__are_encoded_once_with_a_row_each(
    encode, pictures, encoder, tmp_path
):
    twin = pictures / "stork/twin.png"
    twin.write_bytes((pictures / "heron/000.png").read_bytes())

    report = encode()

    features = features_by_path(FeatureStore.open(tmp_path / "store"))
    assert (report.n_new, report.n_reused, report.n_total) == (12, 1, 13)
    assert encoder.n_rows_encoded == 12
    assert features[str(twin)] == features[str(pictures / "heron/000.png")]


@pytest.mark.parametrize(
    ("encoder_name", "views", "seed", "message"),
    [
        (
            "other",
            2,
            0,
            r"store .* made with the encoder mean-colour.*encoder other.*Use --en",
        ),
        (
            "mean-colour",
            3,
            0,
            r"made with views=2, but views=3 was asked for; use views=2, or choose another",
        ),
        ("mean-colour", 2, 7, r"seed=0, but seed=7 was asked for; use seed=0, or choose"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_encode__into_a_store_of_another_kind__refuses_and_says_what_to_do(
    encode, make_encoder, write_at_once, encoder_name, views, seed, message, finished
):
    with nullcontext() if finished else stopped_after(3):
        encode(views=2, batch_size=4)

    with pytest.raises(IncompatibleArtifact, match=message):
        encode(encoder=make_encoder(encoder_name), views=views, seed=seed)


def test_encode__other_precision__is_not_mixed_into_the_store(encode, make_encoder):
    encode(encoder=make_encoder(precision="bf16"))

    message = "precision=bf16, but precision=fp32 was asked for; use precision=bf16, or choose"
    with pytest.raises(IncompatibleArtifact, match=message):
        encode(encoder=make_encoder(precision="fp32"))


def test_encode__unreadable_pictures__are_listed_and_tried_again(encode, pictures, tmp_path):
    broken = pictures / "heron/000.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[:60])

    first = encode()
    listed = FeatureStore.open(tmp_path / "store").header.quarantined
    broken.write_bytes(whole)
    second = encode()

    assert [entry.path for entry in first.quarantined] == [broken]
    assert [(entry.path, "truncated" in entry.reason) for entry in listed] == [(str(broken), True)]
    assert (first.n_total, second.n_new, second.n_total) == (11, 1, 12)
    assert FeatureStore.open(tmp_path / "store").header.quarantined == second.quarantined == ()


NO_MEMORY = [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")]


@pytest.mark.parametrize("error", [*NO_MEMORY, RuntimeError("no such scale")])
def test_encode__picture_that_cannot_be_preprocessed__is_quarantined_and_the_rest_goes_on(
    encode, pictures, encoder, monkeypatch, error
):
    whole = encoder.preprocess

    def fail_on_wide(picture):
        if picture.width == 50:
            raise error
        return whole(picture)

    decode_image(pictures / "heron/000.png").resize((50, 12)).save(pictures / "heron/000.png")
    monkeypatch.setattr(encoder, "preprocess", fail_on_wide)
    monkeypatch.setattr("metaadapter.data.decode.LARGE_PIXELS", 50 * 12 - 1)

    report = encode()

    (entry,) = report.quarantined
    assert report.n_total == 11
    assert entry.path == pictures / "heron/000.png"
    assert entry.reason.startswith("it cannot be scaled for the encoder (")
    assert (str(error) or "MemoryError") in entry.reason


def test_encode__nothing_readable__says_so_and_leaves_no_store(
    pictures, read_table, encoder, tmp_path
):
    for path in pictures.glob("*/*"):
        path.write_text("not a picture")

    with pytest.raises(DataError, match=r"none of the 12 pictures could be read.*000\.png"):
        encode_to_store(read_table(pictures), encoder, tmp_path / "store")
    with pytest.raises(DataError, match="there are no pictures to encode"):
        encode_to_store(ImageTable((), "empty"), encoder, tmp_path / "store")

    with pytest.raises(DataError, match="not a feature store yet"):
        FeatureStore.open(tmp_path / "store")


@contextmanager
def stopped_after(n_batches: int):
    """Within the block, encoding is interrupted after some batches."""
    left = [n_batches]

    def listener(progress: Progress) -> None:
        left[0] -= progress.stage == "encode"
        if left[0] == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), showing(listener):
        yield


def test_encode__interrupted__keeps_what_is_finished_and_goes_on_there(
    encode, encoder, make_encoder, tmp_path
):
    with stopped_after(2):
        encode("a", batch_size=3, workers=1)
    with pytest.raises(DataError, match=r"is not a feature store yet.*Run the same command again"):
        FeatureStore.open(tmp_path / "a")

    report = encode("a", batch_size=3)

    encode("b", make_encoder())
    a, b = FeatureStore.open(tmp_path / "a"), FeatureStore.open(tmp_path / "b")
    assert (report.n_new, report.n_reused) == (6, 6)
    assert encoder.n_rows_encoded <= 12 + 3  # one batch may have been under way
    assert a.rows.pictures() == b.rows.pictures()
    np.testing.assert_array_equal(a.features, b.features)
    assert not (tmp_path / "a/.partial").exists()


def test_encode__disk_full__names_the_folder_and_keeps_what_is_finished(
    encode, tmp_path, monkeypatch, write_at_once
):
    sync = os.fsync
    n_left = iter(range(2))

    def full_after_a_while(handle: int) -> None:
        if next(n_left, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(handle)

    monkeypatch.setattr(os, "fsync", full_after_a_while)
    message = r"feature store .*/store: No space left.*3 pictures are finished and kept"
    with pytest.raises(DataError, match=message):
        encode(batch_size=3)
    monkeypatch.setattr(os, "fsync", sync)

    report = encode()

    assert report.n_reused >= 3
    assert report.n_new + report.n_reused == 12
    assert not list((tmp_path / "store").rglob("*.tmp"))


def test_encode__stopped_within_the_commit__leaves_the_old_store_whole(
    encode, pictures, tmp_path, monkeypatch
):
    out = tmp_path / "store"
    encode()
    (pictures / "heron/000.png").unlink()

    def stop(self: StoreHeader, folder: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(StoreHeader, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        encode()
    monkeypatch.undo()

    assert FeatureStore.open(out).n_pictures == 12
    encode()
    assert FeatureStore.open(out).n_pictures == 11
    assert len(list(out.glob("features-*"))) == 1


def test_encode__killed_before_it_tidied_up__the_next_run_does(encode, tmp_path):
    out = tmp_path / "store"
    encode()
    whole = {file.name for file in out.iterdir()}
    (out / "features-0000.npy").write_bytes(b"old")
    (out / "pictures-0002.arrow.tmp").write_bytes(b"cut")

    encode()

    assert {file.name for file in out.iterdir()} == whole


def test_encode__store_that_is_being_written__says_so(encode, tmp_path):
    with (
        hold_folder(tmp_path / "store"),
        pytest.raises(DataError, match=r"another run is writing to the feature store .*wait"),
    ):
        encode()


def test_encode__unfinished_run_that_is_damaged__loses_only_what_is_damaged(
    encode, make_encoder, tmp_path
):
    with stopped_after(2):
        encode(batch_size=3, workers=1)
    features = tmp_path / "store/.partial/features.bin"
    content = bytearray(features.read_bytes())
    content[-1] ^= 1
    features.write_bytes(content)

    with pytest.warns(UserWarning, match=r"features\.bin is damaged.*encoded again"):
        encode()

    encode("anew", make_encoder())
    mended, anew = (FeatureStore.open(tmp_path / name) for name in ("store", "anew"))
    assert mended.rows.pictures() == anew.rows.pictures()
    np.testing.assert_array_equal(mended.features, anew.features)


def test_encode__pictures_changed_since_the_interruption__are_read_again(
    encode, pictures, make_encoder, tmp_path, write_at_once
):
    with stopped_after(3):
        encode(batch_size=3, workers=1)
    decode_image(pictures / "heron/002.png").rotate(90, fillcolor="red").save(
        pictures / "heron/002.png"
    )
    with stopped_after(2):
        encode(batch_size=3, workers=1)

    report = encode()

    encode("anew", make_encoder())
    again, anew = (FeatureStore.open(tmp_path / name) for name in ("store", "anew"))
    assert report.n_new < 12
    assert again.rows.pictures() == anew.rows.pictures()
    np.testing.assert_array_equal(again.features, anew.features)
