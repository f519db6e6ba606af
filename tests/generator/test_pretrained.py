from __future__ import annotations

from dataclasses import asdict, fields, replace

import pytest
import torch

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.generator.adapter_generator import generator_id, save_generator
from metaadapter.generator.closed_form import ClosedForm
from metaadapter.generator.generator import Generator, GeneratorConfig
from metaadapter.generator.pretrained import load_generator


def test_save_generator__then_load__predicts_the_same(tmp_path, trained_like, make_task):
    task = make_task(1, 4, 2, 32)
    save_generator(trained_like, tmp_path)

    loaded = load_generator(tmp_path).double()

    assert generator_id(loaded) == generator_id(trained_like)
    expected = trained_like.predict(task.support).tensors()
    for name, tensor in loaded.predict(task.support).tensors().items():
        assert torch.equal(tensor, expected[name])


@pytest.fixture
def make_small():
    def make(seed):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Generator(GeneratorConfig(width=16, n_layers=1, n_heads=2, bottleneck=2)).eval()

    return make


CONSTANTS = [constant.name for constant in fields(ClosedForm)]
OTHERS = ClosedForm(
    **{name: 1.1 + number for number, name in enumerate(CONSTANTS[:-1])}
    | {"large_class_weight": 0.7}
)


def test_generator_id__of_what_ships__is_that_which_saved_adapters_name():
    assert generator_id(load_generator("default")) == "229aa736068f"
    assert generator_id(load_generator("closed-form")) == "3b1f3ad7f52c"


@pytest.mark.parametrize("name", CONSTANTS)
def test_generator_id__any_constant_changed__changes(make_small, name):
    generator, before = make_small(0), generator_id(make_small(0))
    constants = generator.config.closed_form

    half = type(getattr(constants, name))(getattr(constants, name) / 2)
    changed = replace(constants, **{name: half})
    generator.config = replace(generator.config, closed_form=changed)

    assert generator_id(generator) != before


def test_load_generator__saved_with_constants__brings_them_whatever_the_defaults(
    tmp_path, make_small, change_defaults
):
    generator = make_small(0)
    save_generator(generator, tmp_path)
    constants, identity = generator.config.closed_form, generator_id(generator)

    change_defaults(OTHERS)

    assert ClosedForm() == OTHERS
    loaded = load_generator(tmp_path)
    assert loaded.config.closed_form == constants
    assert generator_id(loaded) == identity


@pytest.fixture
def change_defaults(monkeypatch):
    """Gives `ClosedForm` other defaults, as an edit of its file would."""

    init = ClosedForm.__init__

    def change(constants):
        monkeypatch.setattr(
            ClosedForm, "__init__", lambda self, **given: init(self, **(asdict(constants) | given))
        )

    return change


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_load_generator__damaged_file__is_refused(tmp_path, make_small, name):
    save_generator(make_small(0), tmp_path)
    (tmp_path / name).write_bytes(b"{ not what it was")

    with pytest.raises(DataError, match=f"{name} is damaged .* train the generator again"):
        load_generator(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "metaadapter.generator/9"}, "expected schema"),
        ({"network": {"width": 64}}, "do not fit"),
        ({"network": {"depth": 3}}, "does not describe a generator"),
    ],
)
def test_load_generator__configuration_of_another__is_refused(tmp_path, change, message, reseal):
    save_generator(load_generator(), tmp_path)
    reseal(tmp_path / "config.json", **change)

    with pytest.raises(IncompatibleArtifact, match=message):
        load_generator(tmp_path)
