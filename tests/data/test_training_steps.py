"""Whoever shows the progress is told of each step that is done."""

from __future__ import annotations

from metaadapter.data.training_steps import counted, one_of_several, reporting_steps


def test_counted__a_listener__is_told_after_each_step():
    events = []

    with reporting_steps(lambda done, total: events.append((done, total))):
        for number in counted(3):
            events.append(number)

    assert events == [1, (1, 3), 2, (2, 3), 3, (3, 3)]


def test_one_of_several__the_second_of_three__goes_on_from_the_first():
    heard = []

    with reporting_steps(lambda done, total: heard.append((done, total))):
        for index in range(3):
            with one_of_several(index, 3):
                list(counted(2))

    assert heard == [(done, 6) for done in range(1, 7)]
