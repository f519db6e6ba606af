from __future__ import annotations

from dataclasses import replace

from metaadapter.apps.library.encoders import by_encoder
from metaadapter.features.fingerprint import Fingerprint


def test_by_encoder__several__has_those_of_most_entries_first(library, fitted):
    library.add("a", fitted(encoder="dots"))
    for name in ("b", "c"):
        library.add(name, fitted(encoder="lines"))
    library.add("d", fitted(width=20))
    library.add("e", fitted(width=20))
    library.add("f", fitted(width=20))
    library.add("g", fitted())
    library.add("damaged", fitted())
    library.path("damaged").write_bytes(b"half a file")

    assert by_encoder(library.index()) == [["d", "e", "f"], ["b", "c"], ["a"], ["g"]]


def test_by_encoder__last_digits_of_a_fingerprint__make_no_other_encoder(library, fitted):
    one, other = fitted(encoder="dots"), fitted(encoder="dots")
    fingerprint = other.origin_.fingerprint
    moved = replace(fingerprint, probe=(0.002, *fingerprint.probe[1:]))
    other.origin_ = other.origin_.model_copy(update={"fingerprint": moved})
    library.add("one", one)
    library.add("other", other)

    assert by_encoder(library.index()) == [["one", "other"]]


def test_matches__same_and_other_encoders__agrees_with_require_match():
    one, other = (Fingerprint.of_name(name, 12) for name in ("dots", "lines"))

    assert one.matches(one)
    assert not one.matches(other)
    assert not one.matches(replace(one, dim=24))
