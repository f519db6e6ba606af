"""Captions of a ranking, and sentences from questions and answers."""

from __future__ import annotations

import pytest

from metaadapter.labs.ranking.captions import (
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
