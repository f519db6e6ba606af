from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from metaadapter.errors import DataError, UsageError
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier

X = np.random.default_rng(0).standard_normal((8, 16))
y = np.repeat([0, 1], 4)


@pytest.fixture(scope="module")
def fitted():
    return MetaAdapterClassifier().fit(X, y)


@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_rows__of_any_length__count_as_their_direction(fitted, size):
    x = X[:1]

    assert fitted.predict_proba(size * x) == pytest.approx(fitted.predict_proba(x))
    again = MetaAdapterClassifier({0: size * x[0], 1: X[5]}).fit(np.r_[size * x, X], [0, *y])
    plain = MetaAdapterClassifier({0: x[0], 1: X[5]}).fit(np.r_[x, X], [0, *y])
    assert again.predict_proba(X) == pytest.approx(plain.predict_proba(X))


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (np.nan, "a NaN"),
        (np.inf, r"an infinity \(inf\)"),
        (np.float16("inf"), r"an infinity \(inf\)"),
        (0.0, "only zeros"),
    ],
)
def test_rows__that_are_no_features__are_named_by_their_number_and_fault(fitted, value, fault):
    wrong = X.astype(np.float16 if isinstance(value, np.float16) else float)
    wrong[[3, 6], 1 if value else slice(None)] = value

    calls = [
        lambda: fitted.predict(wrong),
        lambda: MetaAdapterClassifier().fit(wrong, y),
        lambda: MetaAdapterClassifier().fit(X, y).add_class(2, wrong),
    ]
    for call in calls:
        with pytest.raises(UsageError, match=rf"row 3 of X has {fault}, and so have 1 more rows"):
            call()


@pytest.mark.parametrize(
    ("parameters", "rows", "labels"),
    [
        ({}, X[:, :8], [0] * 8),
        ({"generator": "no such thing"}, X[:, :8], list("aaaabbbb")),
        ({"encoder": 3}, X[:, :8], list("aaaabbbb")),
        ({"class_texts": {0: X[0]}}, X[:, :8], y),
    ],
    ids=["one class", "generator", "encoder", "texts"],
)
def test_fit__that_fails__leaves_the_estimator_as_it_was(parameters, rows, labels):
    classifier = MetaAdapterClassifier().fit(X, y)
    before = classifier.predict_proba(X)

    with pytest.raises(ValueError, match=r"one class only|no such thing|encoder must be|the text"):
        classifier.set_params(**parameters).fit(rows, labels)

    assert (classifier.predict_proba(X) == before).all()
    assert classifier.classes_.tolist() == [0, 1]


@pytest.mark.parametrize(
    "labels",
    [
        ["a", None, "b", "a"],
        ["a", float("nan"), "b", "a"],
        pd.Series(["a", None, "b", "a"], dtype="string"),
        pd.Series([1, None, 2, 1], dtype="Int64"),
        np.array(["a", None, "b", "a"], object),
    ],
    ids=["None", "NaN", "pandas strings", "pandas numbers", "objects"],
)
def test_labels__that_lack_one__name_its_row(labels):
    with pytest.raises(UsageError, match="the label of row 1 in y is missing"):
        MetaAdapterClassifier().fit(X[:4], labels)


def test_labels__that_differ_only_in_spelling__are_refused():
    with pytest.raises(DataError, match="'Fox' and 'fox'"):
        MetaAdapterClassifier().fit(X[:4], ["fox", "Fox", "lynx", "lynx"])
    with pytest.raises(DataError, match="'red fox' and 'red_fox'"):
        MetaAdapterClassifier({"red fox": X[0], "lynx": X[1]}).fit(X[:2], ["red_fox", "lynx"])
    with pytest.raises(DataError, match="'Fox' and 'fox'"):
        SeveralLabelsClassifier().fit(X[:3], [["fox", "snow"], ["Fox"], ["snow"]])
    with pytest.raises(UsageError, match="the new class 'Fox' differs from the class 'fox' only"):
        MetaAdapterClassifier().fit(X[:2], ["fox", "lynx"]).add_class("Fox", X[2:3])
