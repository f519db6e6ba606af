from __future__ import annotations

import pytest

from metaadapter.errors import DataError
from metaadapter.training.config import DataConfig, SourceConfig, TrainConfig
from metaadapter.training.training_data import load_training_data


@pytest.fixture
def load(tmp_path, make_store):
    """The data of a run: trained on store `a` (heron, stork), validated on others."""
    make_store("a", {"heron": 3, "stork": 3})
    make_store("b", {"crane": 3, "owl": 3}, seed=1)
    make_store("sketches", {"heron": 3, "stork": 3}, seed=2)

    def load(**data):
        chosen = {
            key: tuple(SourceConfig(name=name, stores=(store,)) for name, store in sets.items())
            for key, sets in data.items()
            if key != "reserved"
        }
        sources = chosen.pop("sources", (SourceConfig(name="birds", stores=("a",)),))
        config = DataConfig(
            root=str(tmp_path), sources=sources, reserved=data.get("reserved", ()), **chosen
        )
        return load_training_data(TrainConfig(data=config))

    return load


def test_load_training_data__held_out_classes_and_domains__are_kept_by_kind(load):
    data = load(validation_classes={"others": "b"}, validation_domains={"drawn": "sketches"})

    assert [source.tasks.name for source in data.sources] == ["birds"]
    assert [source.tasks.name for source in data.validation["classes"]] == ["others"]
    assert [source.classes for source in data.validation["domains"]] == [("heron", "stork")]


@pytest.mark.parametrize(
    ("name", "counts", "message"),
    [
        ("zoo", {"Heron": 3, "lynx": 3}, r"(?s)'birds' has 1 class.* of .*'zoo'.*'heron'"),
        (
            "imagenet",
            {"n02009912 Heron": 3, "n02123045_tabby_cat": 3},
            r"'birds' .* 'heron' \(there 'n02009912 Heron'\)",
        ),
    ],
)
def test_load_training_data__held_out_class_in_training__is_refused(
    load, make_store, name, counts, message
):
    make_store(name, counts, seed=3)

    with pytest.raises(DataError, match=message):
        load(validation_classes={name: name})

    assert load(validation_domains={name: name}).validation["domains"]


def test_load_training_data__held_out_domain_in_training__is_refused(load):
    with pytest.raises(
        DataError, match=r"'birds' has the store .*a, which validates as 'same birds'"
    ):
        load(validation_domains={"same birds": "a"})


@pytest.mark.parametrize("place", ["sources", "validation_classes", "validation_domains"])
@pytest.mark.parametrize("name", ["b", "link"])
def test_load_training_data__reserved_store__is_seen_by_no_part_of_the_run(
    load, tmp_path, place, name
):
    (tmp_path / "link").symlink_to(tmp_path / "b")

    with pytest.raises(DataError, match=r"'some' has the store .*, which is reserved"):
        load(reserved=(name,), **{place: {"some": "b"}})


@pytest.mark.parametrize("place", ["sources", "validation_classes", "validation_domains"])
def test_load_training_data__picture_of_a_reserved_store__is_refused(load, make_store, place):
    make_store("copy", {"": 3, "newt": 3}, sha256=["copy-0", "b-1", *"2345"])

    with pytest.raises(DataError, match=r"'some' has 1 picture.* of the evaluation set '.*copy'"):
        load(reserved=("copy",), **{place: {"some": "b"}})
