"""`SeveralLabelsClassifier`, with the forms of y that scikit-learn has."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from metaadapter.adapter.files import load_adapter
from metaadapter.errors import IncompatibleArtifact
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier
from tests.several_tasks import CLASSES, MixedPictures


@pytest.fixture
def made() -> MixedPictures:
    return MixedPictures(n=120)


def test_an_indicator_and_lists_of_labels_give_the_same_adapter(made: MixedPictures) -> None:
    texts = dict(zip(CLASSES, made.texts, strict=True))
    shows = made.shows[:60]
    lists = [[CLASSES[c] for c in np.flatnonzero(row)] for row in shows]
    one = SeveralLabelsClassifier(texts).fit(made.rows[:60], shows.astype(int))
    other = SeveralLabelsClassifier(texts).fit(made.rows[:60], lists)
    np.testing.assert_allclose(
        one.predict_proba(made.rows[60:]), other.predict_proba(made.rows[60:])
    )
    assert one.classes_.tolist() == other.classes_.tolist() == [*CLASSES]
    answer = one.predict(made.rows[60:])
    assert f1_score(made.shows[60:], answer, average="macro") > 0.7
    labels = one.predict_labels(made.rows[60:])
    assert [sorted(row) for row in labels] == [
        [CLASSES[c] for c in np.flatnonzero(row)] for row in answer
    ]


def test_a_saved_adapter_answers_alike_and_is_refused_where_one_label_is_meant(
    made: MixedPictures, tmp_path
) -> None:
    classifier = SeveralLabelsClassifier().fit(made.rows, made.shows)
    for place in (tmp_path / "folder", tmp_path / "one.adapter"):
        classifier.save(place)
        loaded = SeveralLabelsClassifier.load(place)
        np.testing.assert_array_equal(
            loaded.predict_proba(made.rows), classifier.predict_proba(made.rows)
        )
        for load in (MetaAdapterClassifier.load, load_adapter):
            with pytest.raises(IncompatibleArtifact, match="several"):
                load(place)


@pytest.mark.parametrize(
    "y",
    [
        pytest.param([[1, 1]], id="a single picture"),
        pytest.param([[1], [0], [0]], id="a single class"),
        pytest.param(np.ones((9, 3)), id="only positives"),
        pytest.param(np.eye(3), id="a picture of each class"),
        pytest.param([[1, 1], *[[0, 1]] * 7, [0, 0]], id="one positive, and one negative"),
    ],
)
def test_few_labels_give_probabilities_and_thresholds_that_can_be_reached(
    made: MixedPictures, y
) -> None:
    classifier = SeveralLabelsClassifier().fit(made.rows[: len(y)], y)
    p = classifier.predict_proba(made.rows)
    assert np.isfinite(p).all()
    assert ((classifier.thresholds_ > 0) & (classifier.thresholds_ <= 0.5)).all()
    shown = np.asarray(y) == 1
    assert classifier.predict(made.rows[: len(y)])[shown].all()


def test_a_saved_adapter_keeps_pictures_of_no_class(made: MixedPictures, tmp_path) -> None:
    y = made.shows.copy()
    y[3] = False
    SeveralLabelsClassifier().fit(made.rows, y).save(tmp_path / "one.adapter")
    stored = load_adapter(tmp_path / "one.adapter", several=True)
    rows, labels = stored.support.pictures()
    np.testing.assert_allclose(rows, made.rows, atol=1e-6)
    np.testing.assert_array_equal(labels, y)
