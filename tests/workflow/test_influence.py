"""The reasons of an answer, against adapters that are fitted anew without a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.workflow.estimator import MetaAdapterClassifier
from metaadapter.workflow.influence import MOST_REASONS, Influence
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier
from tests.several_tasks import MixedPictures

LABELS = ["a", "b", "a", "c", "b", "a", "d"]
HASHES = tuple("ABCDEFG")


@pytest.fixture
def task():
    rng = np.random.default_rng(3)
    texts = dict(zip("abcd", rng.normal(size=(4, 16)).astype(np.float32), strict=True))
    numbers = ["abcd".index(label) for label in LABELS]
    X = (rng.normal(size=(7, 16)) + 2 * np.eye(16)[numbers]).astype(np.float32)
    return X, np.array(LABELS), texts


def fitted(X, y, texts):
    return MetaAdapterClassifier(texts, logit_scale=100.0).fit(X, y)


def influence_of(X, y, texts, hashes=HASHES):
    stored = fitted(X, y, texts).stored_
    by_class = tuple(hashes[row] for row in np.argsort(y, kind="stable"))
    return Influence.of(replace(stored, picture_hashes=by_class))


def test_reasons__are_the_predictions_of_classifiers_without_one_picture(task):
    X, y, texts = task
    queries = np.random.default_rng(4).normal(size=(5, 16)).astype(np.float32)
    whole = fitted(X, y, texts)

    found = influence_of(X, y, texts).reasons(queries)

    for query, why in zip(queries, found, strict=True):
        p = whole.predict_proba(query[None])[0]
        answer = int(p.argmax())
        assert why.answer == whole.classes_[answer]
        expected = {}
        for number, name in enumerate(HASHES):
            others = np.arange(len(y)) != number
            one = fitted(X[others], y[others], texts)
            of_one = one.predict_proba(query[None])[0]
            expected[name] = (one.classes_[of_one.argmax()], float(of_one[answer]))
        named = [*why.speak_for, *why.speak_against]
        assert named
        for reason in named:
            without, probability = expected[reason.picture]
            assert (reason.label, reason.answer) == (y[HASHES.index(reason.picture)], without)
            assert reason.probability == pytest.approx(probability, abs=1e-4)
        assert {one.picture for one in why.speak_for} <= {
            name for name, (_, q) in expected.items() if q < p[answer]
        }
        n_against = sum(q > p[answer] for _, q in expected.values())
        assert len(why.speak_against) == min(MOST_REASONS, n_against)
        nameless = fitted(X, y, None).predict_proba(query[None])[0]
        assert why.names.probability == pytest.approx(nameless[answer], abs=1e-4)


def test_reasons__without_names__leave_out_no_picture_that_is_alone_in_its_class(task):
    X, y, _ = task

    why = influence_of(X, y, None).reasons(X)

    assert all(one.names is None for one in why)
    assert all(
        reason.label in "ab" for one in why for reason in (*one.speak_for, *one.speak_against)
    )


def test_reasons__a_wrong_label_that_causes_an_error__is_the_first(task):
    X, y, texts = task
    query = np.random.default_rng(8).normal(size=16).astype(np.float32)
    right, other = np.argsort(-fitted(X, y, texts).predict_proba(query[None])[0])[:2]
    wrong = np.r_[X, query[None]], np.r_[y, ["abcd"[other]]]
    assert fitted(*wrong, texts).predict(query[None]) == ["abcd"[other]]

    (why,) = influence_of(*wrong, texts, (*HASHES, "wrong")).reasons(query[None])

    first = why.speak_for[0]
    assert (first.picture, first.label, first.answer) == ("wrong", why.answer, "abcd"[right])
    doubts = [one.answer == why.answer for one in why.speak_for]
    assert doubts == sorted(doubts)


def test_influence__of_several_labels_or_without_pictures__says_why_not(task):
    X, y, texts = task
    stored = fitted(X, y, texts).stored_
    with pytest.raises(UsageError, match="saved without its labelled pictures"):
        Influence.of(stored.without_features())
    data = MixedPictures()
    several = SeveralLabelsClassifier().fit(data.rows.astype(np.float32), data.shows)
    with pytest.raises(UsageError, match="it gives several labels"):
        Influence.of(several.stored_)


def test_influence__of_an_adapter_that_names_code__never_runs_it(task, tmp_path):
    X, y, texts = task
    stored, code = fitted(X, y, texts).stored_, tmp_path / "generator.py"
    code.write_text(f"from pathlib import Path; Path({str(tmp_path / 'ran')!r}).touch()")
    config = stored.config.model_copy(update={"generator": f"{code}:Generator"})

    with pytest.raises(UsageError, match="an adapter never runs code"):
        Influence.of(replace(stored, config=config))

    assert not (tmp_path / "ran").exists()


def test_influence__of_another_generator_than_the_one_that_predicted__is_refused(task):
    X, y, texts = task
    stored = fitted(X, y, texts).stored_
    config = stored.config.model_copy(update={"generator_id": "another"})

    with pytest.raises(IncompatibleArtifact, match="was predicted by generator another"):
        Influence.of(replace(stored, config=config))
