from __future__ import annotations

from dataclasses import replace

import pytest


def test_demo_result__answers_on_other_pictures__are_refused(make_result):
    result = make_result()
    short = replace(result.answers[0], labels=("fox",))

    with pytest.raises(ValueError, match="zero-shot answers on 1 pictures, 4 are held out"):
        make_result(answers=(short,))


def test_answers__accuracy__counts_the_correct_ones(make_result):
    accuracy = make_result().answers[0].accuracy

    assert (accuracy.n_correct, accuracy.n) == (2, 4)
