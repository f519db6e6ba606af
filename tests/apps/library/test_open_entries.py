"""Questions to all entries of a library: whose task pictures are of, and what they show."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from metaadapter import AdapterLibrary
from metaadapter.adapter.known import known_probabilities
from metaadapter.apps.library import domains, route
from metaadapter.features.fingerprint import Fingerprint

WIDTH = 12


@pytest.fixture
def apart(monkeypatch):
    """Every entry is a domain of its own."""
    monkeypatch.setattr(domains, "MOST_FAR", -1.0)


def pictures_of(library, name, n=4, seed=0, spread=0.1):
    """New pictures of an entry's classes, one class after the other."""
    means = library.stored(name).task_signature.means.double()
    means = means[means.any(-1)].numpy()
    rows = np.tile(means, (n, 1))
    return rows + spread * np.random.default_rng(seed).standard_normal(rows.shape)


@pytest.mark.parametrize("name", ["animals", "birds", "wear"])
def test_identify__pictures_of_a_task__names_its_entry(animals, name):
    rows = pictures_of(animals, name)

    result, together = animals.identify(rows), animals.identify(rows, together=True)

    assert set(result.entries) == {name}
    assert result.names == ("animals", "birds", "wear")
    np.testing.assert_allclose(result.probabilities.sum(1), 1, rtol=1e-5)
    assert together.entries.tolist() == [name]
    assert together.probabilities.max() >= result.probabilities.max(1).mean() - 1e-9
    assert (together.known.shape, together.is_none.shape) == ((1,), (1,))


def test_route__answers_as_a_slow_loop_does(apart, animals):
    rows = np.random.default_rng(0).standard_normal((9, WIDTH))

    result = animals.route(rows)

    shares = animals.identify(rows)
    for number, row in enumerate(torch.tensor(rows)):
        name = shares.names[int(shares.probabilities[number].argmax())]
        answer = animals.load(name).predict_proba(row[None].numpy())[0]
        wanted = dict(zip(animals.facts(name).classes, answer, strict=True))
        unit = normalize(row, dim=-1)
        known = float(known_probabilities(unit[None], animals.stored(name).weights)[0])
        assert result.entries[number] == name
        assert result.shares[number] == pytest.approx(wanted, rel=1e-4)
        assert result.labels[number] == max(wanted, key=wanted.get)
        assert result.probabilities[number] == pytest.approx(max(wanted.values()), rel=1e-4)
        assert result.known[number] == pytest.approx(known, rel=1e-4)


@pytest.mark.parametrize("ask", ["identify", "route"])
def test_damaged_entry__is_left_out_with_the_reason(animals, ask):
    rows = pictures_of(animals, "birds")
    animals.path("wear").write_bytes(b"half a file")

    result = getattr(animals, ask)(rows)

    assert set(result.entries) == {"birds"}
    assert list(result.left_out) == ["wear"]
    assert "it is no zip file" in result.left_out["wear"]


def test_entries_of_other_encoders_and_widths__take_no_part(animals, fitted):
    animals.add("dots", fitted("ant", "bee", encoder="dots"))
    animals.add("lines", fitted("cat", "dog", encoder="lines"))
    animals.add("wide", fitted("eel", "fly", width=20))

    dots = Fingerprint.of_name("dots", WIDTH)

    result = animals.identify(np.ones((1, WIDTH)), encoder=dots)

    assert result.names == ("animals", "birds", "dots", "wear")
    assert result.left_out["lines"] == "it has another encoder, lines, 12 wide"
    assert "20 wide" in result.left_out["wide"]


def test_adapters__are_read_once_until_their_file_changes(apart, animals, fitted, monkeypatch):
    read, load = [], route.load_adapter
    monkeypatch.setattr(route, "load_adapter", lambda file: read.append(file.stem) or load(file))
    again = AdapterLibrary.open(animals.folder)
    rows = pictures_of(animals, "birds")

    for _ in range(3):
        again.route(rows)
    assert read == ["birds"]

    again.add("birds", fitted("heron", "owl", "raven", seed=1, n_shots=3), replace=True)
    again.route(rows)
    assert read == ["birds", "birds"]
