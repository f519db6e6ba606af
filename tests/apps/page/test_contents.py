"""Edits of a project's contents, which can be undone and redone."""

from __future__ import annotations

import pytest

from metaadapter.apps.page import changes as page_changes
from metaadapter.apps.page import contents as edits
from metaadapter.apps.page.contents import Contents, Edit, Origin
from metaadapter.apps.page.refusal import Refusal
from tests.apps.page.conftest import entries_of


@pytest.fixture
def contents():
    contents = Contents()
    make(
        contents, page_changes.add_classes(contents, {"a": "fox", "b": "lynx"}, {"a": "an animal"})
    )
    make(
        contents,
        page_changes.add_pictures(
            contents, entries_of({"1": "1.jpg", "2": "2.jpg", "3": "3.jpg"}), {"1": ("a",)}
        ),
    )
    return contents


def make(contents, changes):
    contents.make(Edit("", changes))


def entries(contents):
    return dict(contents.classes), dict(contents.pictures)


EDITS = {
    "add classes": lambda contents: page_changes.add_classes(contents, {"c": "heron"}),
    "change a class": lambda contents: page_changes.change_class(contents, "a", "red fox", None),
    "remove a class": lambda contents: page_changes.remove_class(contents, "a"),
    "label": lambda contents: page_changes.label_pictures(
        contents, {"1": (), "2": ("b",), "3": ("b",)}
    ),
    "none": lambda contents: page_changes.label_pictures(
        contents, {"1": (edits.NONE,), "2": (edits.NONE,)}
    ),
    "add pictures": lambda contents: page_changes.add_pictures(
        contents, entries_of({"4": "4.jpg"}), {"4": ("b",)}
    ),
    "remove pictures": lambda contents: page_changes.remove_pictures(contents, ["1", "3"]),
}


@pytest.mark.parametrize("edit", EDITS)
def test_edit__undone_and_redone__leaves_the_contents_before_and_after(contents, edit):
    before = entries(contents)
    make(contents, EDITS[edit](contents))
    after = entries(contents)
    assert after != before

    contents.undo(Origin())
    assert entries(contents) == before
    contents.redo(Origin())
    assert entries(contents) == after


def test_order__of_classes_and_pictures__outlasts_removing_and_undoing(contents):
    make(contents, page_changes.remove_class(contents, "a"))
    contents.undo(Origin())
    make(contents, page_changes.label_pictures(contents, {"3": ("b",), "2": ("b",)}))

    assert contents.ordered_classes == ["a", "b"]
    assert contents.piles()["b"] == ["2", "3"]


def portion(contents, number, target=(), drop="d"):
    new = {f"{drop}{number}": "", f"{drop}{number}b": ""}
    changes = page_changes.add_pictures(contents, entries_of(new), dict.fromkeys(new, target))
    if number == 1 and target:
        names = {target[0]: target[0]}
        changes = (*page_changes.add_classes(contents, names), *changes)
    contents.make(Edit("", (), "added-pictures", drop=drop).adding(changes))


def test_drop__in_portions_with_edits_in_between__is_one_edit(contents):
    before = entries(contents)
    portion(contents, 1)
    make(contents, page_changes.label_pictures(contents, {"2": ("b",), "d1": ("a",)}))
    portion(contents, 2)
    portion(contents, 3)
    after = entries(contents)

    assert [step.edit.message for step in contents.steps][-2:] == ["Added 6 pictures", ""]
    contents.undo(Origin())
    assert contents.pictures["2"].labels == contents.pictures["d1"].labels == ()
    assert "d3" in contents.pictures
    contents.undo(Origin())
    assert entries(contents) == before
    contents.redo(Origin())
    contents.redo(Origin())
    assert entries(contents) == after


@pytest.mark.parametrize(
    "edit",
    [
        lambda contents: page_changes.remove_class(contents, "d"),
        lambda contents: page_changes.change_class(contents, "d", "heron", None),
        lambda contents: contents.change_settings(burst=3.0),
    ],
)
def test_drop__whose_class_is_changed_in_between__is_undone_step_by_step(contents, edit):
    states = [entries(contents)]
    for change in (
        lambda: portion(contents, 1, ("d",)),
        lambda: make(contents, edit(contents)),
        lambda: portion(contents, 2, ("d",) if "d" in contents.classes else ()),
    ):
        change()
        states.append(entries(contents))
    if "d" not in contents.classes:
        del states[2:]  # pictures for the tray do not need the class: the drop is one edit
        contents.undo(Origin())
    for state in reversed(states[:-1]):
        contents.undo(Origin())
        assert entries(contents) == state


def test_number_of_a_class__is_free_for_a_new_one_once_the_class_is_removed(contents):
    make(contents, page_changes.add_classes(contents, {"c": "heron"}))
    make(contents, page_changes.remove_class(contents, "b"))
    make(contents, page_changes.add_classes(contents, {"d": "owl", "e": "hare"}))

    places = {label: entry.place for label, entry in contents.classes.items()}
    assert places == {"a": 0, "d": 1, "c": 2, "e": 3}


def test_new_edit__after_undo__forgets_what_could_be_redone(contents):
    contents.undo(Origin())
    make(contents, page_changes.add_classes(contents, {"c": "heron"}))

    assert contents.undone == []


@pytest.mark.parametrize(
    "name",
    [
        *("bald uakari", "BALD  UAKARI", "ｂald uakari", "Bald_Uakari", "_Bald\u2003Uakari "),
        *("Bald\u200b Uakari", "Bald Uak\u00adari", "\ufeffBald Uakari", "Bald Uak\u200dari"),
    ],
)
def test_class__whose_name_differs_too_little__is_refused_but_may_change_its_own(contents, name):
    make(contents, page_changes.add_classes(contents, {"c": "Bald Uakari"}))

    with pytest.raises(Refusal, match=r"^There is already a class 'Bald Uakari'\."):
        page_changes.change_class(contents, "a", name, None)
    assert page_changes.change_class(contents, "c", name, None)


@pytest.mark.parametrize(
    "edit",
    [
        lambda contents: page_changes.add_classes(contents, {"c": "fox"}),
        lambda contents: page_changes.change_class(contents, "a", "lynx", None),
        lambda contents: page_changes.remove_class(contents, "z"),
        lambda contents: page_changes.label_pictures(contents, {"1": ("z",)}),
        lambda contents: page_changes.label_pictures(contents, {"9": ("a",)}),
        lambda contents: page_changes.remove_pictures(contents, ["9"]),
        lambda contents: page_changes.add_classes(
            contents, {f"{n:x}f": f"thing {n}" for n in range(1000)}
        ),
    ],
)
def test_edit__of_missing_entries_or_with_a_taken_name__is_refused(contents, edit):
    with pytest.raises(Refusal, match=r"^(There is|This) .*\.|^A project has at most"):
        edit(contents)
