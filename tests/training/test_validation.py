from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from episodes import EpisodeError, gather, nested_draws, synthetic_source
from metaadapter.adapter.support import Support
from metaadapter.adapter.weights import classify
from metaadapter.data.output_folder import open_after
from metaadapter.generator.pretrained import load_generator
from metaadapter.training.config import ValidateConfig
from metaadapter.training.validation import Moment, Validation
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


def test_validator__set_with_few_pictures__is_validated_at_the_shots_it_can_give(source):
    config = ValidateConfig(tasks=2, shots=(1, 4, 16))

    validation = Validator({"classes": [source], "domains": []}, config, seed=0)(
        load_generator("closed-form"), 0
    )

    assert list(validation.accuracy["classes"]["set"]) == [1, 4]


def test_validator__set_that_gives_no_task__is_named():
    draw = torch.Generator().manual_seed(0)
    lonely = synthetic_source("lonely", n_classes=3, n_pictures=2, width=12, generator=draw)
    one_each = replace(lonely, labels_n=lonely.labels_n.masked_fill(lonely.labels_n > 0, -1))

    with pytest.raises(EpisodeError, match=r"validation set 'lonely': 2 classes with 1 shots"):
        Validator({"classes": [one_each], "domains": []}, CONFIG, seed=0)


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


def test_log_line__figures_that_are_not_finite__are_null():
    sources = {"pets": {"loss": float("nan"), "tasks_per_second": 8.0}}
    moment = Moment(
        2, None, {"query": float("nan")}, lr=0.1, grad_norm=float("inf"), sources=sources
    )

    line = moment.log_line(seconds=1.5)

    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "step": 2,
        "seconds": 1.5,
        "loss": {"query": None},
        "lr": 0.1,
        "grad_norm": None,
        "tasks_per_second": 0.0,
        "sources": {"pets": {"loss": None, "tasks_per_second": 8.0}},
        "n_skipped": 0,
    }


def test_run_log__opened_at_a_position__cuts_what_lies_beyond(tmp_path):
    with open_after(tmp_path / "log.jsonl", 0) as log:
        log.write(b"first\n")
        position = log.tell()
        log.write(b"second\n")

    with open_after(tmp_path / "log.jsonl", position) as again:
        again.write(b"third\n")

    assert (tmp_path / "log.jsonl").read_bytes() == b"first\nthird\n"
