from __future__ import annotations

import errno
import functools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from metaadapter import AdapterLibrary, MetaAdapterClassifier
from metaadapter.adapter.files import load_adapter
from metaadapter.adapter.task_signature import TaskSignature
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError


def same_answers(one, other, width=12):
    rows = np.random.default_rng(5).standard_normal((19, width))  # too few to measure a shift
    return np.array_equal(one.predict_proba(rows), other.predict_proba(rows))


def test_library__of_classifiers__gives_them_back(animals, fitted):
    birds = animals.load("birds")

    assert animals.names == ["animals", "birds", "wear"]
    assert len(animals) == 3
    assert "birds" in animals
    assert birds.classes_.tolist() == ["heron", "owl", "raven"]
    assert same_answers(birds, fitted("heron", "owl", "raven", seed=1))
    assert animals.stored("birds").support is not None
    assert animals.facts("birds").n_shots == [2, 2, 2]


def test_library__opened_again__is_the_same(animals):
    again = AdapterLibrary.open(animals.folder, create=False)

    assert again.names == animals.names
    assert same_answers(again.load("wear"), animals.load("wear"))


@pytest.mark.parametrize("kind", ["folder", "birds.adapter"])
def test_add__path__adds_folders_and_skill_files_alike(library, fitted, tmp_path, kind):
    classifier = fitted("heron", "owl")
    classifier.save(tmp_path / kind)

    library.add("birds", tmp_path / kind)
    library.add("direct", classifier)

    assert same_answers(library.load("birds"), classifier)
    assert library.path("birds").read_bytes() == library.path("direct").read_bytes()


def test_add__card_with_words_of_its_author__keeps_them(library, fitted, tmp_path):
    fitted().save(tmp_path / "folder")
    card = tmp_path / "folder" / "README.md"
    card.write_text(card.read_text() + "\nTaken in the Harz.\n")

    library.add("animals", tmp_path / "folder")

    assert b"\nTaken in the Harz.\n" in library.path("animals").read_bytes()


def test_add__changes_no_other_file(animals, fitted, files_in):
    before = files_in(animals.folder)

    animals.add("more", fitted("ant", "bee"))

    after = files_in(animals.folder)
    assert after.keys() - before.keys() == {"entries/more.adapter"}
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize("name", ["birds", "Birds", "BIRDS"])
def test_add__name_that_is_there__is_refused(animals, fitted, files_in, name):
    before = files_in(animals.folder)

    with pytest.raises(UsageError, match=r"already has an entry 'birds'.*--replace"):
        animals.add(name, fitted("ant", "bee"))

    assert files_in(animals.folder) == before


def test_add__replace__replaces_that_very_name_alone(animals, fitted):
    animals.add("birds", fitted("ant", "bee"), replace=True)

    assert animals.load("birds").classes_.tolist() == ["ant", "bee"]
    with pytest.raises(UsageError, match="which is the same name for some file systems"):
        animals.add("Birds", fitted("ant", "bee"), replace=True)
    assert len(animals) == 3


def test_add__damaged_adapter__leaves_the_library_as_it_was(animals, fitted, tmp_path, files_in):
    fitted().save(tmp_path / "x.adapter")
    content = (tmp_path / "x.adapter").read_bytes()
    (tmp_path / "x.adapter").write_bytes(content[:-5])
    before = files_in(animals.folder)

    with pytest.raises(DataError, match=r"x\.adapter is damaged"):
        animals.add("x", tmp_path / "x.adapter")
    with pytest.raises(IncompatibleArtifact, match="is not an adapter"):
        animals.add("x", tmp_path / "nowhere")

    assert files_in(animals.folder) == before


def test_remove__takes_one_file_away(animals, files_in):
    before = files_in(animals.folder)

    animals.remove("birds")

    assert animals.names == ["animals", "wear"]
    after = files_in(animals.folder)
    assert before.keys() - after.keys() == {"entries/birds.adapter"}
    assert {name: before[name] for name in after} == after


@pytest.mark.parametrize("call", ["load", "stored", "facts", "signature", "path", "remove"])
def test_name_that_is_not_there__is_told_with_near_ones(animals, call):
    with pytest.raises(UsageError, match=r"has no entry 'bird'; did you mean 'birds'\?"):
        getattr(animals, call)("bird")


def test_rename__moves_the_file_as_it_is(animals, files_in):
    before = files_in(animals.folder)

    animals.rename("birds", "Vögel")

    after = files_in(animals.folder)
    assert animals.names == ["Vögel", "animals", "wear"]
    assert after.pop("entries/Vögel.adapter") == before.pop("entries/birds.adapter")
    assert after == before


def test_rename__to_another_case__is_possible_and_to_a_name_that_is_there_is_refused(animals):
    animals.rename("birds", "Birds")

    assert animals.names == ["Birds", "animals", "wear"]
    with pytest.raises(UsageError, match="already has an entry 'wear'"):
        animals.rename("Birds", "Wear")
    assert animals.names == ["Birds", "animals", "wear"]


def test_name__as_another_system_writes_it__is_found(library, fitted):
    library.add("V\u00f6gel", fitted())

    assert library.load("Vo\u0308gel").classes_.tolist() == ["fox", "lynx"]


def test_entry__put_there_and_taken_away_by_hand__is_there_and_gone(animals):
    entries = animals.folder / "entries"
    shutil.copy(entries / "birds.adapter", entries / "copy.adapter")
    (entries / "wear.adapter").unlink()

    assert animals.names == ["animals", "birds", "copy"]
    assert same_answers(animals.load("copy"), animals.load("birds"))


@pytest.fixture
def answers_of(animals):
    """All that a library says of an entry: each is an error, or a reason that it is left out."""

    def answers(name):
        texts = []
        for ask in (animals.load, animals.stored, animals.facts, animals.signature, animals.path):
            with pytest.raises(DataError) as error:
                ask(name)
            texts.append(str(error.value))
        listed = {entry.name: entry.damaged for entry in animals.entries()}
        asked_anew = AdapterLibrary.open(animals.folder)
        return [
            *texts,
            listed[name],
            animals.index().damaged[name],
            asked_anew.index().damaged[name],
        ]

    return answers


def test_entry__with_the_content_of_another__is_damaged_and_answers_nothing(animals, answers_of):
    animals.index()
    entries = animals.folder / "entries"
    shutil.copy(entries / "wear.adapter", entries / "birds.adapter")

    for text in answers_of("birds"):
        assert f"{entries / 'birds.adapter'} holds another adapter" in text
        assert "that of the entry 'wear'" in text
    assert animals.load("wear").classes_.tolist() == ["dress", "hat"]
    rows = animals.stored("wear").support.support_TNKD[0, :, 0]
    assert set(animals.route(rows).entries) == {"wear"}
    animals.add("birds", entries / "wear.adapter", replace=True)
    assert animals.load("birds").classes_.tolist() == ["dress", "hat"]
    assert not animals.index().damaged


def test_entry__replaced_by_an_adapter_of_another_library__answers_nothing(
    animals, fitted, answers_of, tmp_path
):
    other = AdapterLibrary.open(tmp_path / "other")
    other.add("birds", fitted("heron", "owl", "raven", seed=9))
    rows = animals.stored("birds").support.support_TNKD[0, :, 0]
    shutil.copy(other.path("birds"), animals.folder / "entries" / "birds.adapter")

    for text in answers_of("birds"):
        assert "holds another adapter than the one that was added as 'birds'" in text
        assert "its SHA-256 is not in library.json" in text
    assert "birds" not in animals.route(rows).entries
    assert "birds" not in animals.identify(rows).entries
    animals.import_skill(other.path("birds"), "birds", replace=True)
    assert same_answers(animals.load("birds"), other.load("birds"))


def test_entries__exchanged__are_both_damaged(animals):
    entries = animals.folder / "entries"
    (entries / "wear.adapter").rename(entries / "x")
    (entries / "birds.adapter").rename(entries / "wear.adapter")
    (entries / "x").rename(entries / "birds.adapter")

    assert animals.index().damaged.keys() == {"birds", "wear"}


def test_entry__removed_by_hand__is_told_until_it_is_forgotten(animals, answers_of):
    animals.index()
    (animals.folder / "entries" / "wear.adapter").unlink()

    for text in answers_of("wear"):
        assert "the file of the entry 'wear' is missing: expected" in text
        assert "entries/wear.adapter" in text
    animals.remove("wear")
    assert not animals.index().damaged
    with pytest.raises(UsageError, match="has no entry 'wear'"):
        animals.path("wear")


def test_entry__removed_by_hand_and_added_again__is_there(animals, fitted):
    (animals.folder / "entries" / "wear.adapter").unlink()

    animals.add("wear", fitted("dress", "hat", seed=2))

    assert not animals.index().damaged


def test_entry__changed_by_metaadapter_itself__is_no_damage(animals, fitted):
    changed = fitted("owl", "tit", seed=8)
    changed.save(animals.path("birds"))
    animals.add("same", changed)

    assert not animals.index().damaged
    assert animals.load("birds").classes_.tolist() == ["owl", "tit"]


@pytest.mark.parametrize(
    "read", ["checksums.Folder.read", "stored_zip.StoredZip.open"], ids=["list", "entry"]
)
def test_library__of_another_user__is_not_called_damaged(animals, monkeypatch, read):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(f"metaadapter.data.{read}", refuse)

    with pytest.raises(DataError, match=r"Permission denied; correct its permissions, or ask its"):
        AdapterLibrary.open(animals.folder).load("birds")


def test_rename__to_the_name_of_a_file_put_there_by_hand__keeps_both(animals):
    entries = animals.folder / "entries"
    shutil.copy(entries / "birds.adapter", entries / "Wear.adapter")
    if len(animals) != 4:
        pytest.skip("this file system takes both names for one")
    before = (entries / "Wear.adapter").read_bytes()

    for old, new in (("wear", "Wear"), ("Wear", "wear"), ("wear", "WEAR")):
        with pytest.raises(UsageError, match="already has an entry"):
            animals.rename(old, new)

    assert (entries / "Wear.adapter").read_bytes() == before
    assert animals.load("wear").classes_.tolist() == ["dress", "hat"]


def test_rename__on_a_file_system_without_case__changes_the_case(animals, monkeypatch):
    class Caseless(type(animals.folder)):
        """A path that exists in any case, as on Windows and macOS."""

        def exists(self, **_options):
            names = {other.name.casefold() for other in Path(self.parent).iterdir()}
            return self.name.casefold() in names

    library = AdapterLibrary(Caseless(animals.folder))

    library.rename("wear", "Wear")

    assert animals.names == ["Wear", "animals", "birds"]
    assert not animals.index().damaged
    assert animals.load("Wear").classes_.tolist() == ["dress", "hat"]


def test_export__then_import__is_the_same_to_the_byte(animals, tmp_path):
    animals.export("birds", tmp_path / "new" / "given.adapter")

    assert animals.import_skill(tmp_path / "new" / "given.adapter") == "given"
    assert animals.path("given").read_bytes() == animals.path("birds").read_bytes()


def test_export__without_features__is_smaller_and_predicts_the_same(animals, tmp_path):
    file = tmp_path / "given.adapter"
    animals.export("birds", file, features=False)

    classifier = MetaAdapterClassifier.load(file)
    assert file.stat().st_size < animals.path("birds").stat().st_size
    assert load_adapter(file).support is None
    assert same_answers(classifier, animals.load("birds"))
    with pytest.raises(UsageError, match="saved without its support features"):
        classifier.add_class("ant", np.ones((1, 12)))
    animals.add("again", classifier)
    signatures = [animals.signature(name).tensors() for name in ("birds", "again")]
    torch.testing.assert_close(*signatures, rtol=0, atol=0)


def test_export__place_that_is_no_skill_file__is_refused(animals, tmp_path):
    (tmp_path / "thesis.adapter").write_text("years of work, more than the end of a zip file has")
    (tmp_path / "folder.adapter").mkdir()

    with pytest.raises(UsageError, match=r"expected the name of a skill file, NAME\.adapter"):
        animals.export("birds", tmp_path / "birds.zip")
    with pytest.raises(UsageError, match="expected the name of a skill file"):
        animals.export("birds", tmp_path / "folder.adapter")
    with pytest.raises(DataError, match="is a file, and no adapter that could be replaced"):
        animals.export("birds", tmp_path / "thesis.adapter")


def test_import_skill__folder__says_what_to_do(animals, fitted, tmp_path):
    fitted().save(tmp_path / "folder")

    with pytest.raises(UsageError, match="is a folder, not a skill file; use"):
        animals.import_skill(tmp_path / "folder")


def test_signature__is_that_of_the_pictures(animals):
    expected = TaskSignature.of(animals.stored("birds").support)

    result = animals.signature("birds")
    torch.testing.assert_close(result.tensors(), expected.tensors(), rtol=0, atol=0)


def test_library__of_several_encoders__lists_each(library, fitted):
    library.add("one", fitted(encoder="tiny"))
    library.add("two", fitted(encoder="other", width=20))

    assert [entry.encoder for entry in library.entries()] == ["tiny", "other"]


def damage(file, how):
    content, link = file.read_bytes(), functools.partial(os.symlink, "nowhere")
    contents = {
        "cut": content[: len(content) // 2],
        "emptied": b"",
        "another file": b"something else, and longer than the end of a zip file",
    }
    if how in contents:
        file.write_bytes(contents[how])
    else:
        file.unlink()
        {"pipe": os.mkfifo, "folder": os.mkdir, "link to nowhere": link}[how](file)


@pytest.mark.parametrize(
    "how", ["cut", "emptied", "another file", "pipe", "folder", "link to nowhere"]
)
def test_damaged_entry__keeps_no_other_from_being_used(animals, how):
    damage(animals.path("birds"), how)

    damaged = {entry.name: entry.damaged for entry in animals.entries()}
    assert damaged["animals"] == damaged["wear"] == ""
    assert "birds.adapter" in damaged["birds"]
    assert animals.load("wear").classes_.tolist() == ["dress", "hat"]
    with pytest.raises((DataError, IncompatibleArtifact), match=r"birds\.adapter"):
        animals.load("birds")
    assert animals.index().damaged.keys() == {"birds"}
    if how != "folder":
        animals.rename("birds", "broken")
        animals.remove("broken")
        assert animals.names == ["animals", "wear"]


def test_open__new_or_empty_folder__becomes_a_library(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").touch()

    for name in ("new/deep", "empty"):
        assert AdapterLibrary.open(tmp_path / name).names == []
        assert json.loads((tmp_path / name / "library.json").read_text())["schema"] == (
            "metaadapter.library/1"
        )


@pytest.mark.parametrize("left", [[], ["entries/"], ["entries/", "library.json.tmp"]])
def test_open__what_a_killed_first_opening_leaves__becomes_a_library(tmp_path, left):
    for name in left:
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).write_bytes(b"{")

    assert AdapterLibrary.open(tmp_path).names == []


def test_open__library_that_lost_its_mark__has_one_again(animals):
    (animals.folder / "library.json").unlink()

    with pytest.raises(IncompatibleArtifact, match="is not a library"):
        AdapterLibrary.open(animals.folder, create=False)
    assert len(AdapterLibrary.open(animals.folder)) == 3


@pytest.mark.parametrize("other", ["thesis.txt", "entries/thesis.txt"])
def test_open__folder_of_something_else__is_left_alone(tmp_path, files_in, other):
    (tmp_path / other).parent.mkdir(exist_ok=True)
    (tmp_path / other).write_text("years of work")

    with pytest.raises(DataError, match=rf"holds other files \({other}\) and no library"):
        AdapterLibrary.open(tmp_path)

    assert files_in(tmp_path) == {other: b"years of work"}


def test_open__file_or_nothing__is_told(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(DataError, match="is a file; give a folder for the library"):
        AdapterLibrary.open(tmp_path / "file")
    with pytest.raises(IncompatibleArtifact, match=r"nowhere is not a library.*library add"):
        AdapterLibrary.open(tmp_path / "nowhere", create=False)
    assert not (tmp_path / "nowhere").exists()


def test_open__damaged_mark__says_what_to_do(animals):
    mark = animals.folder / "library.json"
    mark.write_bytes(mark.read_bytes()[:-9])

    with pytest.raises(DataError, match=r"library\.json is damaged .*delete that file"):
        AdapterLibrary.open(animals.folder)


def test_open__library_of_a_newer_version__says_upgrade(animals, reseal):
    reseal(animals.folder / "library.json", schema="metaadapter.library/2")

    with pytest.raises(IncompatibleArtifact, match="upgrade metaadapter"):
        AdapterLibrary.open(animals.folder)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_add__entries_that_are_a_link__changes_nothing_elsewhere(animals, fitted, tmp_path):
    entries, outside = animals.folder / "entries", tmp_path / "outside"
    entries.rename(outside)
    entries.symlink_to(outside)

    with pytest.raises(DataError, match="entries is a link"):
        animals.add("more", fitted())

    assert not (outside / "more.adapter").exists()


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_entry__put_there_under_a_name_that_is_no_text__is_used_and_removed(animals, fitted):
    entries = os.fsencode(animals.folder / "entries")
    shutil.copy(animals.path("wear"), entries + b"/\xffwear.adapter")

    (name,) = set(animals.names) - {"animals", "birds", "wear"}

    assert same_answers(animals.load(name), animals.load("wear"))
    assert name in [entry.name for entry in animals.index().entries]
    reopened = AdapterLibrary.open(animals.folder)
    assert reopened.index().stamps == animals.index().stamps
    animals.rename(name, "clothes")
    animals.remove("clothes")
    assert animals.names == ["animals", "birds", "wear"]


class Changes(RuleBasedStateMachine):
    """Any changes one after the other, beside a dictionary to which the same is done."""

    NAMES = st.sampled_from(["a", "A", "b", "ä", "Ä", "c d"])

    def __init__(self):
        super().__init__()
        self.folder = Path(self.new_folder())
        self.library = AdapterLibrary.open(self.folder)
        self.expected = {}

    @rule(name=NAMES, skill=st.integers(0, 2), replace=st.booleans())
    def add(self, name, skill, replace):
        alike = [other for other in self.expected if other.lower() == name.lower()]
        if alike == [] or (alike == [name] and replace):
            self.library.add(name, self.skills[skill], replace=replace)
            self.expected[name] = self.skills[skill].read_bytes()
        else:
            with pytest.raises(UsageError, match="already"):
                self.library.add(name, self.skills[skill], replace=replace)

    @rule(name=NAMES)
    def remove(self, name):
        if self.expected.pop(name, None) is not None:
            self.library.remove(name)
        else:
            with pytest.raises(UsageError, match="has no entry"):
                self.library.remove(name)

    @rule(old=NAMES, new=NAMES)
    def rename(self, old, new):
        others = {name.lower() for name in self.expected} - {old.lower()}
        if old in self.expected and new.lower() not in others:
            self.library.rename(old, new)
            self.expected[new] = self.expected.pop(old)
        else:
            with pytest.raises(UsageError, match=r"has no entry|already"):
                self.library.rename(old, new)

    @rule()
    def open_again(self):
        self.library = AdapterLibrary.open(self.folder)

    @invariant()
    def holds_what_is_expected(self):
        result = {name: self.library.path(name).read_bytes() for name in self.library.names}
        assert result == self.expected
        assert [entry.name for entry in self.library.index().entries] == sorted(self.expected)

    def teardown(self):
        shutil.rmtree(self.folder)


def test_library__any_changes__is_what_a_dictionary_would_be(fitted, tmp_path):
    from hypothesis.stateful import run_state_machine_as_test

    skills = [tmp_path / f"{seed}.adapter" for seed in range(3)]
    for seed, skill in enumerate(skills):
        fitted(seed=seed).save(skill)
    numbers = iter(range(10**6))
    facts = {"skills": skills, "new_folder": lambda _: tmp_path / f"library {next(numbers)}"}

    run_state_machine_as_test(
        type("TheseChanges", (Changes,), facts),
        settings=settings(max_examples=12, stateful_step_count=15, deadline=None),
    )
