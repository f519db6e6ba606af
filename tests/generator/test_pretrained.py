from __future__ import annotations

import json

import pytest
import torch

from metaadapter.errors import IncompatibleArtifact, UsageError
from metaadapter.generator import generator_id, load_generator, save_generator


def test_save_generator__then_load__predicts_the_same(tmp_path, trained_like, make_task):
    task = make_task(1, 4, 2, 32)
    save_generator(trained_like, tmp_path)

    loaded = load_generator(tmp_path).double()

    assert generator_id(loaded) == generator_id(trained_like)
    expected = trained_like.predict(task.support, task.text).tensors()
    for name, tensor in loaded.predict(task.support, task.text).tensors().items():
        assert torch.equal(tensor, expected[name])


def test_generator_id__one_weight_changed__changes():
    generator = load_generator()
    before = generator_id(generator)

    with torch.no_grad():
        generator.heads.task.bias[0] += 1e-3

    assert generator_id(generator) != before


def test_load_generator__no_such_name__lists_what_there_is():
    with pytest.raises(
        UsageError, match=r"no generator 'defualt': expected 'default', 'closed-form'"
    ):
        load_generator("defualt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "metaadapter.generator/9"}, "expected schema"),
        ({"network": {"width": 64}}, "do not fit"),
        ({"network": {"depth": 3}}, "do not fit"),
    ],
)
def test_load_generator__configuration_of_another__is_refused(tmp_path, change, message):
    save_generator(load_generator(), tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))

    with pytest.raises(IncompatibleArtifact, match=message):
        load_generator(tmp_path)
