"""Whoever shows the progress is told of each step that is done."""

from __future__ import annotations

from metaadapter.files.progress import counted, meter, part_of, showing


def test_counted__a_listener__is_told_after_each_step():
    events = []

    with showing(lambda moment: events.append((moment.done, moment.total))):
        for number in counted(3):
            events.append(number)

    assert events == [1, (1, 3), 2, (2, 3), 3, (3, 3)]


def test_part_of__encoding_within_it__counts_as_some_of_all_pictures():
    heard = []

    with showing(lambda moment: heard.append((moment.stage, moment.done, moment.total))):
        with part_of(10, 5, 20):
            meter("encode", 10)(4)  # two boxes a picture
            meter("texts", 10)(4)
        meter("read", 3)(3)

    assert heard == [("encode", 12, 20), ("read", 3, 3)]
