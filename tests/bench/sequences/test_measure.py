from __future__ import annotations

import pytest
import torch

from metaadapter.bench.sequences.learner_by_name import load_learner
from metaadapter.bench.sequences.measure import measure_sequence
from metaadapter.bench.sequences.sequence import look_up
from metaadapter.bench.sequences.sequence_bench import SequenceBench
from metaadapter.errors import DataError, UsageError

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


def test_measure__ceiling__has_learned_everything_before_it_is_asked(tasks):
    result = measure_sequence(load_learner("ceiling@GDA"), tasks, "pooled")

    of_task = {}
    for task, accuracy in zip(result["task"], result["accuracy"], strict=True):
        of_task.setdefault(task, set()).add(accuracy)
    assert [len(values) for values in of_task.values()] == [1, 1]
    assert set(result["n_classes"]) == {7}
    growing = measure_sequence(load_learner("growing@GDA"), tasks, "pooled")
    assert growing["accuracy"][2:] == result["accuracy"][2:]


OWN = """
import torch
from metaadapter.bench import Learner

class First(Learner):
    '''Always the first class.'''
    def start(self):
        return 0
    def learn(self, state, support, task):
        {learn}
    def answer(self, state, questions):
        scores = torch.zeros_like(questions.zero_shot_QC)
        scores[:, 0] = 1
        return {answer}
"""


@pytest.fixture
def own(tmp_path):
    def make(learn="return state + 1", answer="scores"):
        file = tmp_path / "first.py"
        file.write_text(OWN.format(learn=learn, answer=answer))
        return load_learner(f"{file}:First")

    return make


def test_measure__learner_of_ones_own__is_measured(own, tasks):
    result = measure_sequence(own(), tasks, "task-incremental")

    assert result["accuracy"] == pytest.approx([1 / 4, 1 / 3] * 2)


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (
            {"learn": "return 1 / 0"},
            UsageError,
            r"learner '.*:First' failed: ZeroDivisionError.*line 10",
        ),
        (
            {"answer": "scores[0]"},
            UsageError,
            r"a score for each .* of shape \(20, 4\), but it returned",
        ),
        (
            {"answer": "scores * float('nan')"},
            DataError,
            "gave scores that are not numbers",
        ),
    ],
    ids=["an error", "another shape", "no numbers"],
)
def test_measure__learner_that_fails__is_told(own, tasks, code, error, message):
    with pytest.raises(error, match=message):
        measure_sequence(own(**code), tasks, "task-incremental")
