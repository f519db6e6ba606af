from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from metaadapter.apps.library.index import SignatureIndex
from metaadapter.apps.library.index_file import INDEX_FILE, read_index, write_index


def test_index__scatter__is_the_trace_of_the_within_class_covariance(library, fitted):
    library.add("birds", fitted("heron", "owl", n_shots=5))

    (entry,) = library.index().entries

    rows, labels = library.stored("birds").support.labelled_rows()
    parts = [rows[labels == label] for label in range(2)]
    within = sum(((part - part.mean(0)) ** 2).sum() for part in parts) / 8
    assert entry.freedom == 8
    assert entry.scatter == pytest.approx(float(within), rel=1e-5)


def test_add_and_remove__leave_the_index_as_it_is(animals, fitted):
    animals.index()
    before = (animals.folder / INDEX_FILE).read_bytes()

    animals.add("new", fitted("ant", "bee"))
    animals.remove("birds")

    assert (animals.folder / INDEX_FILE).read_bytes() == before


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
