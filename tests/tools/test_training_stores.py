from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metaadapter.data.table import ImageRow, ImageTable
from metaadapter.features.store.feature_store import FeatureStore
from tools import training_stores_encoders as encoders
from tools.training_stores import DEGRADATIONS, degrade, main, pick_to_degrade


@pytest.fixture
def picture():
    pixels = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def table_of(**counts):
    rows = [
        ImageRow(Path(label) / f"{number:03}.png", label)
        for label, count in counts.items()
        for number in range(count)
    ]
    return ImageTable(tuple(reversed(rows)), "class-per-folder", ())


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_degrade__twice__gives_the_same_rgb_picture(picture, name):
    before = picture.tobytes()

    one, two = degrade(picture, name), degrade(picture, name)

    assert one.mode == "RGB"
    assert (one.size, one.tobytes()) == (two.size, two.tobytes())
    assert one.tobytes() != before
    assert picture.tobytes() == before


def test_degrade__noise__differs_between_pictures_and_has_its_strength():
    grey = [Image.new("RGB", (64, 64), (tone,) * 3) for tone in (127, 128)]

    first, second = (np.asarray(degrade(one, "noisy")).astype(float) for one in grey)

    assert 40 < first.std() < 47
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.1


def test_pick_to_degrade__each_degradation__begins_where_the_one_before_is_half_through():
    table = table_of(cat=70, ant=100)

    picked = {name: pick_to_degrade(table, name).rows for name in DEGRADATIONS}

    for name, rows in picked.items():
        j = DEGRADATIONS.index(name)
        expected = [("ant", (20 * j + i) % 100) for i in range(40)]
        expected += [("cat", (20 * j + i) % 70) for i in range(40)]
        assert [(row.label, int(row.path.stem)) for row in rows] == expected


def test_pick_to_degrade__few_pictures__takes_each_once():
    rows = pick_to_degrade(table_of(cat=7, ant=3), "odd").rows

    assert len({row.path for row in rows}) == len(rows) == 10


def test_only__degraded_copies_of_any_set__are_made_of_all_its_pictures(
    tmp_path, monkeypatch, picture
):
    for label in ("ant", "bee"):
        for number in range(2):
            (tmp_path / "pics" / "new" / label).mkdir(parents=True, exist_ok=True)
            picture.rotate(number).save(tmp_path / "pics" / "new" / label / f"{number}.png")
    command = ["training_stores", str(tmp_path / "pics"), "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", [*command, "--only", "new.edges", "new.gray40"])

    main()

    edges, grey = (FeatureStore.open(tmp_path / f"new.{name}") for name in ("edges", "gray40"))
    assert edges.n_pictures == grey.n_pictures == 4
    assert edges.rows.sha256.tolist() == grey.rows.sha256.tolist()
    assert not np.allclose(edges.mean_features()[0], grey.mean_features()[0], atol=0.01)


def test_only__unknown_degradation__is_refused_with_the_known_ones(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["x", "pics", "--out", "stores", "--only", "new.blurred"])

    with pytest.raises(SystemExit):
        main()

    assert "with one of px20, gray40, noisy, edges, odd, or SET@ENCODER" in (
        capsys.readouterr().err
    )


def test_only__other_encoders__are_made_of_the_first_pictures_and_texts_of_all_classes(
    tmp_path, monkeypatch
):
    rng = np.random.default_rng(0)
    for of_set, labels in {"teach": "abcdefghij", "judged": "klm"}.items():
        for label in labels:
            folder = tmp_path / "pics" / of_set / f"the {label}"
            folder.mkdir(parents=True)
            for number in range(3):
                pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    monkeypatch.setattr(encoders, "CLASS_WEIGHTS", {"teach": 2.0})
    monkeypatch.setattr(encoders, "MOST_PICTURES", {"layers": 2})
    wanted = ["teach@layers", "judged@layers", "judged@stages"]
    command = ["training_stores", str(tmp_path / "pics"), "--out", str(tmp_path), "--only"]
    monkeypatch.setattr("sys.argv", [*command, *wanted])

    main()

    taught, judged, stages = (FeatureStore.open(tmp_path / name) for name in wanted)
    assert (taught.n_pictures, judged.n_pictures, stages.n_pictures) == (20, 9, 9)
    assert stages.features.shape[1] == 2 * 992
    assert [store.blocks for store in (taught, judged, stages)] == [(), (), ()]
    for store in (taught, judged, stages):
        np.testing.assert_allclose(np.linalg.norm(store.texts, axis=1), 1, atol=1e-5)
    before = (tmp_path / "judged@layers" / "store.json").read_bytes()
    main()
    assert (tmp_path / "judged@layers" / "store.json").read_bytes() == before
