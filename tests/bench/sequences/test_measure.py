from __future__ import annotations

import pytest
import torch

from metaadapter.bench.sequences.learner_by_name import load_learner
from metaadapter.bench.sequences.measure import measure_sequence
from metaadapter.bench.sequences.sequence import look_up
from metaadapter.bench.sequences.sequence_bench import SequenceBench

SETTINGS = ("task-incremental", "class-incremental", "pooled")


@pytest.fixture
def tasks(zoo, plan):
    bench = SequenceBench(plan(*zoo), torch.device("cpu"))
    return [look_up(rows, joint_alone=False) for rows in bench.draw(0)]


def slow(tasks, setting):
    """(after, task) → accuracy and right tasks of the nearest mean, picture by picture."""
    result = {}
    for after in (1, 2):
        for task_number, task in enumerate(tasks, start=1):
            if setting == "class-incremental" and task_number > after:
                continue
            right = of_task = 0
            for picture, label in zip(task.query_QD, task.label_Q.tolist(), strict=True):
                guess, place = nearest(tasks, after, task_number, picture, setting)
                right += guess.casefold() == task.classes[label].casefold()
                of_task += place == task_number
            n = len(task.label_Q)
            result[after, task_number] = right / n, of_task / n
    return result


def nearest(tasks, after, task_number, picture, setting):
    """The name and the task of the class that the nearest mean finds, or else the text."""
    possible = {
        "task-incremental": [task_number],
        "class-incremental": range(1, after + 1),
        "pooled": (1, 2),
    }[setting]
    texts, means = [], []
    for number in possible:
        support = tasks[number - 1].support
        for way, name in enumerate(tasks[number - 1].classes):
            texts.append((float(picture @ support.text_TND[0, way]), name, number))
            distance = -float((picture - support.means_TND[0, way]).square().sum())
            if number <= after:
                means.append((distance, name, number))
    best = max(texts)
    return best[1:] if best[2] > after else max(means)[1:]


@pytest.mark.parametrize("setting", SETTINGS)
def test_measure__nearest_mean__is_as_a_slow_loop_has_it(tasks, setting):
    result = measure_sequence(load_learner("nearest mean"), tasks, setting)

    wanted = slow(tasks, setting)
    assert list(zip(result["after"], result["task"], strict=True)) == list(wanted)
    assert result["accuracy"] == pytest.approx([accuracy for accuracy, _ in wanted.values()])
    is_given = setting == "task-incremental"
    identified = [None if is_given else share for _, share in wanted.values()]
    assert result["identified"] == (identified if is_given else pytest.approx(identified))
    assert dict(zip(result["after"], result["n_classes"], strict=True)) == {1: 4, 2: 7}
    assert dict(zip(result["after"], result["n_bytes"], strict=True)) == {1: 4 * 32, 2: 7 * 32}
