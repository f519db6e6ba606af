from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from metaadapter.errors import DataError, IncompatibleArtifact
from metaadapter.generator.adapter_generator import generator_id, save_generator
from metaadapter.generator.generator import Generator, GeneratorConfig
from metaadapter.generator.pretrained import load_generator
from metaadapter.generator.ridge.closed_form import ClosedForm


def test_save_generator__then_load__predicts_the_same(tmp_path, trained_like, make_task):
    task = make_task(1, 4, 2, 32)
    constants = replace(trained_like.config.closed_form, ridge=0.7, large_class_weight=0.9)
    own = Generator(replace(trained_like.config, closed_form=constants)).double().eval()
    own.load_state_dict(trained_like.state_dict())
    save_generator(own, tmp_path)

    loaded = load_generator(tmp_path).double()

    assert loaded.config.closed_form == constants
    assert generator_id(loaded) == generator_id(own)
    expected = own.predict(task.support).tensors()
    for name, tensor in loaded.predict(task.support).tensors().items():
        assert torch.equal(tensor, expected[name])


@pytest.fixture
def make_small():
    def make(seed):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Generator(GeneratorConfig(width=16, n_layers=1, n_heads=2)).eval()

    return make


CONSTANTS = [constant.name for constant in fields(ClosedForm)]


def test_generator_id__of_what_ships__is_that_which_saved_adapters_name():
    assert generator_id(load_generator("default")) == "4ba02da419e6"
    assert generator_id(load_generator("closed-form")) == "07ff4ad451d4"


@pytest.mark.parametrize("name", CONSTANTS)
def test_generator_id__any_constant_changed__changes(make_small, name):
    generator, before = make_small(0), generator_id(make_small(0))
    constants = generator.config.closed_form

    half = type(getattr(constants, name))(getattr(constants, name) / 2)
    changed = replace(constants, **{name: half})
    generator.config = replace(generator.config, closed_form=changed)

    assert generator_id(generator) != before


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_load_generator__damaged_file__is_refused(tmp_path, make_small, name):
    save_generator(make_small(0), tmp_path)
    (tmp_path / name).write_bytes(b"{ not what it was")

    with pytest.raises(DataError, match=f"{name} is damaged .* train the generator again"):
        load_generator(tmp_path)


def test_load_generator__weights__are_read_once(tmp_path, make_small, monkeypatch):
    save_generator(make_small(0), tmp_path)
    read, opened = [], Path.open

    def counted(path, *options, **more):
        read.append(path.name)
        return opened(path, *options, **more)

    monkeypatch.setattr(Path, "open", counted)

    load_generator(tmp_path)

    assert read.count("model.safetensors") == 1


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
