from __future__ import annotations

import pytest

from metaadapter.adapter.label_tree import LabelTree
from metaadapter.adapter.label_tree_file import fitted_tree, read_label_tree
from metaadapter.errors import DataError

PETS = {"animal": "", "canine": "animal", "fox": "canine", "dog": "canine", "car": ""}


def written(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pets.txt", "animal\n  canine\n    fox\n    dog\n\ncar\n"),
        ("pets.txt", "animal\n\tcanine\n\t\tfox\n\t\tdog\ncar\n"),
    ],
)
def test_read_label_tree__spaces_or_tabs__are_the_same_tree(tmp_path, name, text):
    assert read_label_tree(written(tmp_path, name, text)).parents == PETS


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.txt", "animal\n    fox\n  dog\n", r"line 3 of .*a\.txt, 'dog'.* 2 spaces"),
        (
            "a.txt",
            "animal\n  fox\ncar\n  fox\n",
            r"'fox' is in line 2 of .*a\.txt and again in line 4",
        ),
        ("a.txt", "animal\n  fox\n  fox\n", r"'fox' is in line 2 of .*a\.txt and again in line 3"),
        ("a.txt", "\n", "got none"),
    ],
)
def test_read_label_tree__slip__names_file_and_line(tmp_path, name, text, told):
    with pytest.raises(DataError, match=told):
        read_label_tree(written(tmp_path, name, text))


def test_fitted_tree__names_that_read_like_labels__are_those_of_the_classes(tmp_path):
    tree = LabelTree({"red fox": "canine", "Tabby": "feline"})

    fitted = fitted_tree(tree, ["red_fox", "n02123045 tabby"], tmp_path / "tree.txt")

    assert fitted.parents == {"red_fox": "canine", "n02123045 tabby": "feline"}


def test_fitted_tree__class_that_it_lacks__is_told_with_a_near_name(tmp_path):
    tree = LabelTree({"red fox": "canine", "lynx": "feline"})

    told = r"have 'red foxx' \('red foxx' may be .*'red fox'"
    with pytest.raises(DataError, match=told):
        fitted_tree(tree, ["lynx", "red foxx"], tmp_path / "tree.txt")
