from __future__ import annotations

import pytest
import torch

from metaadapter.bench.evaluation.methods.method import Measured
from metaadapter.bench.sequences.learner import Learner, gated
from metaadapter.bench.sequences.measure import measure_sequence
from metaadapter.bench.sequences.sequence import look_up
from metaadapter.bench.sequences.sequence_bench import SequenceBench

SETTINGS = ("task-incremental", "class-incremental", "pooled")


class NearestMean(Learner):
    """Answers with the class whose mean picture is nearest; zero-shot CLIP is the gate."""

    def start(self):
        return {}

    def learn(self, state, support, task):
        return {**state, task: support.means_TND[0]}

    def answer(self, state, questions):
        means = [state[task] for task in questions.tasks if task in state]
        means_LD = torch.cat([questions.rows_QD[:0], *means])
        return gated(-torch.cdist(questions.rows_QD, means_LD), state, questions)


@pytest.fixture
def zoo_tasks(zoo, plan):
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
def test_measure__nearest_mean__is_as_a_slow_loop_has_it(zoo_tasks, setting):
    named = Measured("nearest mean", "", NearestMean(), None)

    tables = measure_sequence(named, zoo_tasks, setting)

    wanted, result = slow(zoo_tasks, setting), tables["steps"]
    assert list(zip(result["after"], result["task"], strict=True)) == list(wanted)
    assert result["accuracy"] == pytest.approx([accuracy for accuracy, _ in wanted.values()])
    is_given = setting == "task-incremental"
    shares = [None if is_given else share for _, share in wanted.values()]
    assert result["right_task"] == (shares if is_given else pytest.approx(shares))
    assert dict(zip(result["after"], result["n_classes"], strict=True)) == {1: 4, 2: 7}
    assert dict(zip(result["after"], result["n_bytes"], strict=True)) == {1: 4 * 32, 2: 7 * 32}
    last = [wanted[2, 1], wanted[2, 2]]
    row = {name: value for name, (value,) in tables["rows"].items()}
    assert row["accuracy"] == pytest.approx(sum(accuracy for accuracy, _ in last) / 2)
    assert row["kb_a_class"] == pytest.approx(0.032)
    assert row["transfer"] == (
        None if setting == "class-incremental" else pytest.approx(wanted[1, 2][0])
    )
    if not is_given:
        assert row["right_task"] == pytest.approx(sum(share for _, share in last) / 2)
