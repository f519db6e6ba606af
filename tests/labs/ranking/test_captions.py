"""Captions of a ranking, and sentences from questions and answers."""

from __future__ import annotations

import numpy as np
import pytest

from metaadapter.errors import DataError, UsageError
from metaadapter.labs.ranking.captions import (
    answer_probabilities,
    answer_sentences,
    list_captions,
    picture_key,
)


@pytest.fixture
def manifest(tmp_path):
    (tmp_path / "1.jpg").touch()

    def write(*lines, name="m.csv"):
        (tmp_path / name).write_text("\n".join(lines))
        return tmp_path / name

    return write


def test_list_captions__text_file__is_read_line_by_line_each_caption_once(tmp_path):
    file = tmp_path / "c.txt"
    file.write_text("\ufeffa cat\n\n a dog \r\na cat\n", encoding="utf-8")

    assert list_captions(tmp_path, file, None).texts == ("a cat", "a dog")


def test_list_captions__manifest__tells_whose_they_are(manifest, tmp_path):
    file = manifest("path,caption", "1.jpg,a cat", "1.jpg,an animal", "2.jpg,a cat")

    result = list_captions(tmp_path, file, None)

    assert result.texts == ("a cat", "an animal")
    assert result.of_pictures == {
        picture_key(tmp_path / "1.jpg", None): {"a cat", "an animal"},
        picture_key(tmp_path / "2.jpg", None): {"a cat"},
    }


def test_list_captions__pictures_in_a_manifest__give_their_own(manifest):
    file = manifest("file_name;sentence", "1.jpg;a cat")

    assert list_captions(file, None, None).texts == ("a cat",)


@pytest.mark.parametrize(
    ("file", "texts", "error", "message"),
    [
        (None, None, UsageError, r"no captions for the pictures.*--text"),
        (None, [" "], UsageError, "not empty"),
        ("none.txt", None, DataError, r"cannot read the captions of .*none\.txt"),
    ],
)
def test_list_captions__no_source__says_what_to_give(tmp_path, file, texts, error, message):
    with pytest.raises(error, match=message):
        list_captions(tmp_path, file and tmp_path / file, texts)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xd8\xff\xe0", "UTF-8.*byte 1 is not UTF-8; is it a picture"),
        (b"\n \n", "one a line, but the file has none"),
    ],
)
def test_list_captions__file_without_a_caption__is_told(tmp_path, content, message):
    file = tmp_path / "c.txt"
    file.write_bytes(content)

    with pytest.raises(DataError, match=message):
        list_captions(tmp_path, file, None)


def test_list_captions__rows_without_a_caption__are_named(manifest, tmp_path):
    lines = ["path,caption", "1.jpg,a cat", *(f"{n}.jpg," for n in range(2, 7))]

    with pytest.raises(DataError, match=r"2\.jpg, .*3\.jpg, .*4\.jpg and 2 more"):
        list_captions(tmp_path, manifest(*lines), None)


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
