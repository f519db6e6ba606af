"""A class that is added to an adapter of several labels, against a fit of all pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from metaadapter.adapter.files import load_adapter, store_adapter
from metaadapter.adapter.stored import StoredAdapter
from metaadapter.adapter.weights import probabilities
from metaadapter.errors import UsageError
from metaadapter.workflow.new_class import add_class
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier
from tests.several_tasks import CLASSES, MixedPictures

OLD, NEW = (0, 1, 3), 2
TEXTS = dict(zip(CLASSES, MixedPictures().texts, strict=True))


@pytest.fixture
def made() -> MixedPictures:
    return MixedPictures(n=60)


@pytest.fixture
def old(made: MixedPictures) -> StoredAdapter:
    """An adapter of the first 40 pictures, which knows nothing of cats."""
    texts = {CLASSES[c]: TEXTS[CLASSES[c]] for c in OLD}
    return SeveralLabelsClassifier(texts).fit(made.rows[:40], made.shows[:40, OLD]).stored_


def _add(old: StoredAdapter, rows: np.ndarray, label: str = "cat") -> StoredAdapter:
    rows = torch.from_numpy(rows).float()
    return add_class(old, label, rows, TEXTS["cat"], encoder=None, generator="default")


def test_the_new_class_is_that_of_a_fit_and_the_others_answer_as_before(
    made: MixedPictures, old: StoredAdapter, tmp_path
) -> None:
    cats = [3, 50, 51, 50]  # the adapter knows the first, and the last is a copy
    y = np.full((42, 4), np.nan)
    y[:40, OLD] = made.shows[:40, OLD]
    y[[3, 40, 41], NEW] = 1
    rows = np.concatenate([made.rows[:40], made.rows[[50, 51]]])
    fitted = SeveralLabelsClassifier(TEXTS).fit(rows, y)
    x = torch.from_numpy(MixedPictures(seed=5).rows)

    grown = _add(old, made.rows[cats])
    store_adapter(tmp_path / "grown", grown)
    grown = load_adapter(tmp_path / "grown", several=True)

    p_NC = probabilities(x, grown.weights)
    np.testing.assert_allclose(p_NC[:, NEW], fitted.predict_proba(x)[:, NEW], atol=1e-5)
    np.testing.assert_allclose(p_NC[:, OLD], probabilities(x, old.weights), atol=1e-6)
    assert grown.config.classes == [*CLASSES]
    assert grown.config.n_shots[NEW] == 3
    assert grown.config.several.n_pictures == 42
    np.testing.assert_array_equal(grown.support.labels_TPN[0], np.nan_to_num(y, nan=-1))
    thresholds = np.asarray(grown.weights.label_thresholds)
    np.testing.assert_allclose(thresholds[NEW], fitted.thresholds_[NEW], atol=1e-5)
    np.testing.assert_allclose(thresholds[[*OLD]], old.weights.label_thresholds, atol=1e-6)


def test_a_class_without_a_picture_is_refused(made: MixedPictures, old: StoredAdapter) -> None:
    with pytest.raises(UsageError, match=r"'cat' has no picture.*give pictures of the class"):
        _add(old, made.rows[:0])
