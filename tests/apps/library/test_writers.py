"""Several that write to one library at once, and those that are killed while they write."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from metaadapter import AdapterLibrary

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks on this system")
CHANGES = {
    "add": lambda library, skill: library.add("new", skill),
    "replace": lambda library, skill: library.add("birds", skill, replace=True),
    "remove": lambda library, _: library.remove("birds"),
}


@pytest.fixture
def skill(fitted, tmp_path):
    fitted("ant", "bee", seed=9).save(tmp_path / "skill.adapter")
    return tmp_path / "skill.adapter"


def forked(function, *arguments):
    process = multiprocessing.get_context("fork").Process(target=function, args=arguments)
    process.start()
    return process


def change_and_die(folder, skill, change, dies_at):
    """Killed before or after a file is synced, gets its name, or goes."""
    calls = itertools.count()

    def killed(original):
        def call(*arguments, **options):
            if next(calls) == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            result = original(*arguments, **options)
            if next(calls) == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call

    os.fsync = killed(os.fsync)
    for name in ("replace", "rename", "unlink"):
        setattr(Path, name, killed(getattr(Path, name)))
    CHANGES[change](AdapterLibrary.open(folder), skill)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("dies_at", [0, 1, 2, 3, 4, 6, 8])
def test_change__killed_at_any_moment__is_done_or_not(animals, skill, files_in, change, dies_at):
    before = files_in(animals.folder)
    others = {name: before[name] for name in before if name != "entries/birds.adapter"}
    new, old = skill.read_bytes(), before["entries/birds.adapter"]
    right = {
        "add": [{"birds": old}, {"birds": old, "new": new}],
        "replace": [{"birds": old}, {"birds": new}],
        "remove": [{"birds": old}, {}],
    }[change]

    forked(change_and_die, animals.folder, skill, change, dies_at).join()

    result = {name: animals.path(name).read_bytes() for name in animals.names}
    assert {name: result.pop(name) for name in ("animals", "wear")}
    assert result in right
    after = files_in(animals.folder)
    assert {name: after[name] for name in others} == others
    assert not any(entry.damaged for entry in AdapterLibrary.open(animals.folder).entries())


def add_many(folder, skill, name, n_entries):
    for number in range(n_entries):
        AdapterLibrary.open(folder).add(f"{name} {number}", skill)


def test_two_writers__of_different_names__wait_for_one_another(tmp_path, skill):
    folder = tmp_path / "new library"

    writers = [forked(add_many, folder, skill, name, 10) for name in ("a", "b")]

    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    library = AdapterLibrary.open(folder)
    assert len(library) == 20
    assert not [entry.name for entry in library.entries() if entry.damaged]
