"""Pictures of several labels, left out one by one: against estimators fitted without them."""

from __future__ import annotations

import numpy as np
import torch

from metaadapter.workflow.leave_out_several import leave_out_several
from metaadapter.workflow.several_estimator import SeveralLabelsClassifier
from tests.several_tasks import CLASSES, MixedPictures


def test_answers_are_those_of_an_estimator_of_the_other_pictures() -> None:
    made = MixedPictures(n=30)
    texts, y = dict(zip(CLASSES, made.texts, strict=True)), made.shows.astype(float)
    y[7, 2] = np.nan
    stored = SeveralLabelsClassifier(texts).fit(made.rows, y).stored_
    places = [0, 7, 20]
    other = MixedPictures(seed=4).rows[:3]
    forms = torch.from_numpy(np.stack([made.rows[places], other], 1))

    answers = leave_out_several(stored, places, forms)

    for k, place in enumerate(places):
        rest = np.arange(30) != place
        alone = SeveralLabelsClassifier(texts).fit(made.rows[rest], y[rest])
        np.testing.assert_allclose(answers.p_kQC[k], alone.predict_proba(forms[k]), atol=1e-6)
        answer = alone.predict(forms[k])
        np.testing.assert_array_equal(answers.shown_kQC[k], answer == 1)
        for q in range(2):
            right = all(a == b for a, b in zip(answer[q], y[place], strict=True) if b == b)
            assert bool(answers.correct_kQ[k, q]) == right
