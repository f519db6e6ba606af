from __future__ import annotations

import errno
import functools
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from metaadapter import AdapterLibrary
from metaadapter.errors import DataError, IncompatibleArtifact, UsageError


def damaged(library):
    return {entry.name: entry.damaged for entry in library.entries() if entry.damaged}


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


@pytest.mark.parametrize("kind", ["folder", "birds.adapter"])
def test_add__path__adds_folders_and_skill_files_alike(library, fitted, tmp_path, kind):
    classifier = fitted("heron", "owl")
    classifier.save(tmp_path / kind)

    library.add("birds", tmp_path / kind)
    library.add("direct", classifier)

    assert same_answers(library.load("birds"), classifier)
    assert library.path("birds").read_bytes() == library.path("direct").read_bytes()


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

    assert damaged(animals).keys() == {"birds"}
    assert "birds.adapter" in damaged(animals)["birds"]
    assert animals.load("wear").classes_.tolist() == ["dress", "hat"]
    with pytest.raises((DataError, IncompatibleArtifact), match=r"birds\.adapter"):
        animals.load("birds")
    if how != "folder":
        animals.remove("birds")
        assert animals.names == ["animals", "wear"]


def test_open__new_or_empty_folder__becomes_a_library(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".DS_Store").touch()

    for name in ("new/deep", "empty"):
        assert AdapterLibrary.open(tmp_path / name).names == []
        assert json.loads((tmp_path / name / "library.json").read_text())["schema"] == (
            "metaadapter.library/1"
        )


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

    @rule()
    def open_again(self):
        self.library = AdapterLibrary.open(self.folder)

    @invariant()
    def holds_what_is_expected(self):
        result = {name: self.library.path(name).read_bytes() for name in self.library.names}
        assert result == self.expected
        assert [entry.name for entry in self.library.entries()] == sorted(self.expected)

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


@pytest.mark.parametrize(
    "read", ["checksums.Folder.read", "stored_zip.StoredZip.open"], ids=["mark", "entry"]
)
def test_library__of_another_user__is_not_called_damaged(animals, monkeypatch, read):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(f"metaadapter.files.{read}", refuse)

    with pytest.raises(DataError, match=r"Permission denied; correct its permissions, or ask its"):
        AdapterLibrary.open(animals.folder).load("birds")
