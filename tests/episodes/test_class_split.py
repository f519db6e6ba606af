from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from episodes import ClassSplit, split_classes

NAMES = [f"bird {i}" for i in range(20)]
SHARES = {"train": 0.7, "validation": 0.3}


@given(st.sets(st.text(), min_size=4), st.integers(0, 1000))
def test_split__any_names__parts_are_disjoint_and_cover_all(names, seed):
    split = split_classes(sorted(names), {"train": 0.5, "validation": 0.25, "test": 0.25}, seed)

    members = [name for part in split.parts.values() for name in part]
    assert sorted(members) == sorted(names)
    for part, share in (("train", 0.5), ("validation", 0.25), ("test", 0.25)):
        assert abs(len(split.parts[part]) - share * len(names)) <= 1


def test_split__seed__decides_and_the_order_of_names_does_not():
    split = split_classes(NAMES, SHARES, seed=1)

    assert split == split_classes(NAMES[::-1], SHARES, seed=1)
    assert split != split_classes(NAMES, SHARES, seed=2)
    assert {part: len(names) for part, names in split.parts.items()} == {
        "train": 14,
        "validation": 6,
    }


def test_split__saved_and_loaded__is_the_same_and_leaves_one_file(tmp_path):
    split = split_classes([*NAMES, "Bläßhuhn"], SHARES, seed=0)

    split.save(tmp_path / "split.json")

    assert ClassSplit.load(tmp_path / "split.json") == split
    assert [path.name for path in tmp_path.iterdir()] == ["split.json"]
    assert "Bläßhuhn" in (tmp_path / "split.json").read_text(encoding="utf-8")
