from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from metaadapter import AdapterLibrary
from metaadapter.apps.library import index as index_module
from metaadapter.apps.library.index import SignatureIndex
from metaadapter.apps.library.index_file import INDEX_FILE, read_index, write_index
from metaadapter.features.fingerprint import Fingerprint


@pytest.fixture
def reads(monkeypatch):
    """The names of the skill files whose signature is read from now on."""
    names = []
    original = index_module.read_signature

    def read(file):
        names.append(file.stem)
        return original(file)

    monkeypatch.setattr(index_module, "read_signature", read)
    return names


def opened(library):
    """The library as another process opens it."""
    return AdapterLibrary.open(library.folder, create=False)


def agrees(index, library):
    """Whether an index has the signatures of all entries, held against them one by one."""
    assert [entry.name for entry in index.entries] == library.names
    n_rows = dict.fromkeys(index.stacks, 0)
    for number, entry in enumerate(index.entries):
        facts, signature = library.facts(entry.name), library.signature(entry.name)
        stack = index.stacks[entry.width]
        assert entry.rows.start == n_rows[entry.width]
        n_rows[entry.width] = entry.rows.stop
        assert torch.equal(stack.means[entry.rows], signature.means.half())
        assert torch.equal(stack.text[entry.rows], signature.text.half())
        assert torch.equal(stack.counts[entry.rows], signature.counts)
        assert set(stack.owners[entry.rows].tolist()) == {number}
        assert list(entry.classes) == facts.classes
        assert entry.fingerprint == facts.origin.fingerprint
        assert entry.encoder == facts.origin.encoder
    assert n_rows == {width: len(stack.means) for width, stack in index.stacks.items()}
    return True


def test_index__of_an_empty_library__is_empty(library):
    index = library.index()

    assert (index.entries, index.stacks) == ((), {})
    assert read_index(library.folder / INDEX_FILE) == index


def test_index__of_several_encoders_and_widths__has_each_entry(animals, fitted):
    animals.add("dots", fitted("ant", "bee", width=20, encoder="dots"))
    animals.add("more dots", fitted("cat", "dog", "eel", width=20, encoder="dots", seed=4))
    animals.add("zebras", fitted("quagga", "zebra", encoder="lines"))

    assert agrees(animals.index(), animals)
    assert agrees(opened(animals).index(), animals)
    assert sorted(animals.index().stacks) == [12, 20]


def test_index__scatter__is_the_trace_of_the_within_class_covariance(library, fitted):
    library.add("birds", fitted("heron", "owl", n_shots=5))

    (entry,) = library.index().entries

    rows, labels = library.stored("birds").support.labelled_rows()
    parts = [rows[labels == label] for label in range(2)]
    within = sum(((part - part.mean(0)) ** 2).sum() for part in parts) / 8
    assert entry.freedom == 8
    assert entry.scatter == pytest.approx(float(within), rel=1e-5)


def test_index__up_to_date__reads_no_entry(animals, reads):
    animals.index()
    assert sorted(reads) == ["animals", "birds", "wear"]

    reads.clear()
    assert animals.index() is animals.index()
    opened(animals).index()

    assert reads == []


def test_index__after_changes__reads_the_changed_alone(animals, fitted, reads):
    animals.index()
    reads.clear()

    animals.add("new", fitted("ant", "bee", seed=7))
    animals.add("birds", fitted("owl", "tit", seed=8), replace=True)
    animals.remove("wear")

    assert agrees(opened(animals).index(), animals)
    assert sorted(reads) == ["birds", "new"]


def test_add_and_remove__leave_the_index_as_it_is(animals, fitted):
    animals.index()
    before = (animals.folder / INDEX_FILE).read_bytes()

    animals.add("new", fitted("ant", "bee"))
    animals.remove("birds")

    assert (animals.folder / INDEX_FILE).read_bytes() == before


def test_index__damaged_entry__is_told_and_not_read_again(animals, reads):
    animals.path("birds").write_bytes(b"something else")

    result = animals.index()

    assert "birds.adapter" in result.damaged["birds"]
    assert result.stacks[12].owners.unique().tolist() == [0, 2]
    reads.clear()
    assert opened(animals).index().damaged == result.damaged
    assert reads == []


@pytest.mark.parametrize(
    "put",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\xff" * 100),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes() + b"x"),
        lambda path: path.unlink() or path.mkdir(),
        lambda path: path.unlink() or os.mkfifo(path),
    ],
)
def test_index__that_cannot_be_relied_on__is_made_again(animals, put):
    animals.index()

    put(animals.folder / INDEX_FILE)

    assert agrees(opened(animals).index(), animals)
    assert (animals.folder / INDEX_FILE).exists()


def test_index__file_in_the_place_of_its_folder__is_made_in_memory(animals):
    (animals.folder / ".index").write_text("mine")

    assert agrees(animals.index(), animals)
    assert (animals.folder / ".index").read_text() == "mine"


@pytest.mark.parametrize("error", [PermissionError, OSError])
def test_index__that_cannot_be_written__is_no_error(animals, monkeypatch, error):
    def refuse(*_):
        raise error

    monkeypatch.setattr("metaadapter.apps.library.index_file._write", refuse)

    assert agrees(animals.index(), animals)
    assert not (animals.folder / INDEX_FILE).exists()


def test_index__link_in_the_place_of_its_folder__writes_nothing_elsewhere(animals, tmp_path):
    (tmp_path / "outside").mkdir()
    (animals.folder / ".index").symlink_to(tmp_path / "outside")

    assert agrees(animals.index(), animals)
    assert not list((tmp_path / "outside").iterdir())


def test_index__what_a_killed_reader_left__goes_after_an_hour(animals, fitted):
    animals.index()
    old, new = (animals.folder / f"{INDEX_FILE}.{name}" for name in ("old", "new"))
    for left in (old, new):
        left.write_bytes(b"half")
    os.utime(old, (0, 0))

    animals.add("new", fitted())
    animals.index()

    assert not old.exists()
    assert new.exists()


def test_index_file__is_read_by_safetensors_too(animals):
    index = animals.index()

    tensors = load_file(animals.folder / INDEX_FILE)

    for name, tensor in index.stacks[12].tensors().items():
        assert torch.equal(tensors[f"{name}.12"], tensor)


def test_read_index__any_change_of_its_bytes__is_noticed_or_changes_nothing(animals):
    index = animals.index()
    path = animals.folder / INDEX_FILE
    content = path.read_bytes()

    @given(data=st.data())
    def check(data):
        start = data.draw(st.integers(0, len(content) - 1))
        end = data.draw(st.integers(start, min(len(content), start + 40)))
        changed = content[:start] + data.draw(st.binary(max_size=40)) + content[end:]
        path.write_bytes(changed)
        result = read_index(path)
        assert result is None or same(result, index)

    check()


def same(one, other):
    stacks = (
        torch.equal(tensor, other.stacks[width].tensors()[name])
        for width, stack in one.stacks.items()
        for name, tensor in stack.tensors().items()
    )
    return one.entries == other.entries and one.stacks.keys() == other.stacks.keys() and all(stacks)


def test_write_index__then_read__is_the_same(animals, tmp_path):
    index = animals.index()

    write_index(tmp_path / INDEX_FILE, index)

    assert same(read_index(tmp_path / INDEX_FILE), index)
    write_index(tmp_path / INDEX_FILE, SignatureIndex((), {}))
    assert read_index(tmp_path / INDEX_FILE).entries == ()


def test_by_encoder__several__has_those_of_most_entries_first(library, fitted):
    library.add("a", fitted(encoder="dots"))
    for name in ("b", "c"):
        library.add(name, fitted(encoder="lines"))
    for name in ("d", "e", "f"):
        library.add(name, fitted(width=20))
    for name in ("g", "damaged"):
        library.add(name, fitted())
    library.path("damaged").write_bytes(b"half a file")

    assert library.index().by_encoder() == [["d", "e", "f"], ["b", "c"], ["a"], ["g"]]


def test_by_encoder__last_digits_of_a_fingerprint__make_no_other_encoder(library, fitted):
    library.add("one", fitted(encoder="dots"))
    library.add("other", fitted(encoder="dots", digits=0.002))

    assert library.index().by_encoder() == [["one", "other"]]


def test_matches__same_and_other_encoders__agrees_with_require_match():
    one, other = (Fingerprint.of_name(name, 12) for name in ("dots", "lines"))

    assert one.matches(one)
    assert not one.matches(other)
    assert not one.matches(replace(one, dim=24))
