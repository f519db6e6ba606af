"""Edits of a project's contents: each can be undone and made again."""

from __future__ import annotations

import pytest

from metaadapter.apps.page import contents as edits
from metaadapter.apps.page.contents import Contents, Edit
from metaadapter.apps.page.refusal import Refusal


@pytest.fixture
def contents():
    found = Contents()
    make(found, edits.add_classes(found, {"a": "fox", "b": "lynx"}, "an animal"))
    make(found, edits.add_pictures(found, {"1": "1.jpg", "2": "2.jpg", "3": "3.jpg"}, {"1": "a"}))
    return found


def make(contents, changes):
    contents.make(Edit.of("", changes))


def entries(contents):
    return dict(contents.classes), dict(contents.pictures)


EDITS = {
    "add classes": lambda it: edits.add_classes(it, {"c": "heron"}),
    "change a class": lambda it: edits.change_class(it, "a", "red fox", None),
    "remove a class": lambda it: edits.remove_class(it, "a"),
    "label": lambda it: edits.label_pictures(it, {"1": None, "2": "b", "3": "b"}),
    "add pictures": lambda it: edits.add_pictures(it, {"4": "4.jpg"}, {"4": "b"}),
    "remove pictures": lambda it: edits.remove_pictures(it, ["1", "3"]),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edit__undone_and_made_again__leaves_what_was_there_before_and_after(contents, edit):
    before = entries(contents)
    make(contents, EDITS[edit](contents))
    after = entries(contents)
    assert after != before

    contents.undo()
    assert entries(contents) == before
    contents.redo()
    assert entries(contents) == after


def test_order__of_classes_and_pictures__outlasts_removing_and_undoing(contents):
    make(contents, edits.remove_class(contents, "a"))
    contents.undo()
    make(contents, edits.label_pictures(contents, {"3": "b", "2": "b"}))

    assert contents.ordered_classes == ["a", "b"]
    assert contents.pictures_of("b") == ["2", "3"]


def test_new_edit__after_undo__forgets_what_could_be_made_again(contents):
    contents.undo()
    make(contents, edits.add_classes(contents, {"c": "heron"}))

    assert contents.undone == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda it: edits.add_classes(it, {"c": "fox"}),
        lambda it: edits.change_class(it, "a", "lynx", None),
        lambda it: edits.remove_class(it, "z"),
        lambda it: edits.label_pictures(it, {"1": "z"}),
        lambda it: edits.label_pictures(it, {"9": "a"}),
        lambda it: edits.remove_pictures(it, ["9"]),
        lambda it: edits.add_classes(it, {f"{n:x}f": f"thing {n}" for n in range(1000)}),
    ],
)
def test_edit__of_what_is_not_there_or_taken__is_refused(contents, edit):
    with pytest.raises(Refusal, match=r"^(There is|This) .*\.|^A project has at most"):
        edit(contents)
