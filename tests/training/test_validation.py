from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from episodes import gather, nested_draws, synthetic_source
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.config import ValidateConfig
from metaadapter.training.figures import Validation
from metaadapter.training.validator import Validator

CONFIG = ValidateConfig(tasks=13, shots=(1, 3))


@pytest.fixture
def source():
    draw = torch.Generator().manual_seed(0)
    return synthetic_source("set", n_classes=8, n_pictures=9, width=12, generator=draw)


def test_validator__its_figures__are_those_of_one_task_after_the_other(source):
    generator = load_generator("closed-form")

    validation = Validator({"classes": [source], "domains": []}, CONFIG, seed=5)(generator, 7)

    rows = nested_draws(source.index, CONFIG.shots, 15, CONFIG.tasks, 20, 5)
    for n_shot in CONFIG.shots:
        batch = gather(rows.first(n_shot), source).batch
        n_correct, losses = 0, 0.0
        for task in range(CONFIG.tasks):
            weights = generator.predict(
                Support.of_tasks(
                    batch.support_TNKD[task : task + 1], batch.text_TND[task : task + 1]
                )
            )
            logits, labels = (
                classify(batch.query_TQD[task : task + 1], weights)[0],
                batch.query_labels_TQ[task],
            )
            n_correct += int((logits.argmax(-1) == labels).sum())
            own = logits.softmax(-1)[range(len(labels)), labels]
            losses += float(-own.log().mean()) / math.log(logits.shape[-1])
        expected = n_correct / batch.query_labels_TQ.numel()
        assert validation.accuracy["classes"]["set"][n_shot] == pytest.approx(expected)
        assert validation.loss["classes"]["set"][n_shot] == pytest.approx(losses / CONFIG.tasks)
    assert validation.step == 7


def test_validator__every_round__has_the_same_tasks(source):
    validator = Validator({"classes": [source], "domains": []}, CONFIG, seed=5)
    generator = load_generator("closed-form")

    first, second = validator(generator, 1), validator(generator, 2)

    assert (first.accuracy, first.loss) == (second.accuracy, second.loss)


def test_validator__of_the_known_head__has_strangers_of_other_classes_of_the_same_encoder(source):
    twin = replace(source, name="twin", classes=tuple("abcdefgh"))
    home = replace(source, classes=(*"abcdef", "x", "y"))

    validator = Validator({"classes": [home], "domains": [twin]}, CONFIG, seed=5, strangers=True)

    of_others = twin.features_nVD[twin.labels_n >= 6, 0]
    far = validator._far["set"]
    assert 0 < len(far) <= len(of_others)
    assert (far[:, None] == of_others).all(-1).any(1).all()


TABLES = {
    "classes": {"a": {1: 0.2, 4: 0.4}, "b": {1: 0.6, 4: 0.8}},
    "domains": {"c": {1: 0.1, 4: 0.1}},
}


def test_validation__summaries__are_means_of_both_kinds_and_each_the_mean_of_its_sets():
    none: dict = {"classes": {}, "domains": {}}
    alone = {"classes": {"a": {1: 0.25, 16: 0.25}}, "domains": {}}

    assert Validation(3, TABLES, none).mean_accuracy == pytest.approx((0.5 + 0.1) / 2)
    assert Validation(3, TABLES, none).by_shots == pytest.approx({1: 0.3, 4: 1.3 / 3})
    assert Validation(3, none, TABLES).score == pytest.approx(1 - (0.5 + 0.1) / 2)
    assert Validation(0, alone, alone).score == 0.75
    both = Validation(3, TABLES, alone)
    assert Validation.from_dict(json.loads(json.dumps(both.to_dict()))) == both
