from __future__ import annotations

import numpy as np
import pytest

from metaadapter.errors import UsageError
from metaadapter.labs.ranking.captions import answer_probabilities, answer_sentences


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("What colour is the car?", "the car is red"),
        ("what color are the Eiffel Towers ?", "the Eiffel Towers are red"),
        ("Which material is the cup on the table?", "the cup on the table is red"),
        ("What is left of the lamp?", "red is left of the lamp"),
        ("Which animal is on the roof?", "red is on the roof"),
        ("What is in the picture?", "red is in the picture"),
        ("What is the man doing?", "the man is red"),
        ("How many dogs are there?", "there are red dogs"),
        ("How many small dogs are in the picture?", "there are red small dogs"),
        ("Where is the cat?", "the cat is red"),
        ("Who is the woman?", "the woman is red"),
        ("Does it rain?", "Does it rain? red"),
        ("  Is {it}  wet? ", "Is it wet? red"),
    ],
)
def test_answer_sentences__question__is_read_with_its_answer(question, sentence):
    assert answer_sentences(question, ["red", "blue"])[0] == sentence


def test_answer_sentences__own_sentence__is_taken():
    result = answer_sentences("Colour?", ["red", "blue"], "a {} car")

    assert result == ("a red car", "a blue car")


@pytest.mark.parametrize("sentence", ["a car", "a {} {} car"])
def test_answer_sentences__sentence_without_one_place__is_told(sentence):
    with pytest.raises(UsageError, match=f"exactly one {{}} for the answer.*got '{sentence}'"):
        answer_sentences("Colour?", ["red", "blue"], sentence)


@pytest.mark.parametrize("answers", [["red"], ["red", ""], ["red", "red"]])
def test_answer_sentences__answers_that_leave_no_choice__are_told(answers):
    with pytest.raises(UsageError, match="two or more different answers to 'Colour"):
        answer_sentences("Colour?", answers)


def test_answer_probabilities__scores__are_shares_of_one():
    result = answer_probabilities(np.array([[0.5, 0.4, 0.1]], np.float32), 10.0)

    odds = np.exp([5, 4, 1])
    np.testing.assert_allclose(result, [odds / odds.sum()], rtol=1e-5)
