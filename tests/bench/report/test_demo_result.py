from __future__ import annotations


def test_answers__accuracy__counts_the_correct_ones(make_result):
    accuracy = make_result().methods[0].accuracy

    assert (accuracy.n_correct, accuracy.n) == (2, 4)
