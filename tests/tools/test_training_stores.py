from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from metaadapter.features.store.feature_store import FeatureStore
from tools import training_stores_encoders as encoders
from tools.training_stores import main


@pytest.mark.slow
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
