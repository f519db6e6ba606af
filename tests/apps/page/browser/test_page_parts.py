"""The parts of the page that need no server: orders, selections, costs, words."""

from __future__ import annotations

import pytest


def answer(label, probability, runner_up_probability, *, unfamiliar=False):
    return {
        "class": label,
        "probability": probability,
        "runner_up": "b" if label == "a" else "a",
        "runner_up_probability": runner_up_probability,
        "known": 0.01 if unfamiliar else 0.9,
        "unfamiliar": unfamiliar,
    }


ANSWERS = {
    "sure": answer("b", 0.9, 0.05),
    "even": answer("a", 0.5, 0.45),
    "likely": answer("a", 0.7, 0.2),
    "strange": answer("b", 0.95, 0.01, unfamiliar=True),
}
TRAY = ["unanswered", "sure", "even", "likely", "strange"]


@pytest.fixture(scope="module")
def call(modules):
    """Calls a function of a module of the page with arguments that JSON can hold."""

    def call_it(module, function, *arguments):
        return modules.evaluate(
            """async ([module, name, given]) => {
                const exports = await import(`/page/${module}.js`);
                const plain = (value) =>
                    value instanceof Set ? [...value]
                    : Array.isArray(value) ? value.map(plain)
                    : value && typeof value === "object"
                        ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
                    : value;
                const revive = (value) => value?.set ? new Set(value.set)
                    : value?.map_of ? new Map(value.map_of)
                    : value && typeof value === "object" && !Array.isArray(value)
                        ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, revive(v)]))
                    : value;
                return plain(exports[name](...given.map(revive)));
            }""",
            [module, function, list(arguments)],
        )

    return call_it


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("doubtful", ["even", "likely", "sure", "strange", "unanswered"]),
        ("certain", ["sure", "likely", "even", "strange", "unanswered"]),
        ("class", ["likely", "even", "sure", "strange", "unanswered"]),
        ("added", TRAY),
    ],
)
def test_grouped__puts_the_unanswered_last(call, order, expected):
    rank = {"map_of": [["a", 0], ["b", 1]]}
    keys = {"map_of": [["sure", "b"], ["even", "a"], ["likely", "a"], ["strange", "none"]]}

    groups = call("order", "grouped", TRAY, order, ANSWERS, rank, keys)

    assert [picture for group in groups for picture in group["pictures"]] == expected
    assert [group["key"] for group in groups] == (
        ["a", "b", "none", "rest"] if order == "class" else [None]
    )


def selection(current=None, anchor=None, selected=()):
    return {"current": current, "anchor": anchor, "selected": {"set": list(selected)}}


ORDER = list("abcdef")


@pytest.mark.parametrize(
    ("keys", "current", "selected"),
    [
        ({}, "d", ["d"]),
        ({"toggle": True}, "d", ["b", "d"]),
        ({"extend": True}, "d", ["b", "c", "d"]),
    ],
)
def test_clicked__alone_with_control_and_with_shift(call, keys, current, selected):
    before = selection("b", "b", ["b"])

    after = call("selection", "clicked", before, ORDER, "d", keys)

    assert (after["current"], sorted(after["selected"])) == (current, selected)


def test_acted_on__are_the_selected_pictures_or_else_the_current_one(call):
    assert call("selection", "actedOn", selection("c", "c", ["e", "a"]), ORDER) == ["a", "e"]
    assert call("selection", "actedOn", selection("c"), ORDER) == ["c"]
    assert call("selection", "actedOn", selection(), ORDER) == []


LEFT_OUT = {
    "right": answer("a", 0.9, 0.1),
    "wrong": answer("a", 0.8, 0.2),
    "unsure": answer("b", 0.4, 0.3),
    "of none": answer("a", 0.95, 0.05),
}
LABELLED = {
    "map_of": [["right", ["a"]], ["wrong", ["b"]], ["unsure", ["b"]], ["of none", ["none"]]]
}


@pytest.mark.parametrize(
    ("threshold", "kept", "wrong"),
    [(0, 3, 1), (0.4, 3, 1), (0.5, 2, 1), (0.85, 1, 0), (0.99, 0, 0)],
)
def test_cost_at__counts_labelled_pictures_and_the_wrong_ones_among_them(
    call, threshold, kept, wrong
):
    cost = call("answers", "costAt", LEFT_OUT, LABELLED, threshold)

    assert cost == {"n": 3, "kept": kept, "wrong": wrong}


@pytest.mark.parametrize(
    ("pictures", "tray", "answered", "key"),
    [
        ([], [], False, "next_first_class"),
        ([1], [], False, "next_second_class"),
        ([1, 0], [], False, "next_pictures"),
        ([1, 1], [], False, "next_tray"),
        ([1, 1], ["p"], False, "next_wait"),
        ([1, 1], ["p"], True, "next_correct"),
    ],
)
def test_next_step__is_the_missing_thing(call, pictures, tray, answered, key):
    classes = [{"name": f"class {n}", "pictures": ["x"] * n} for n in pictures]

    assert call("lines", "nextStep", {"classes": classes, "tray": tray}, answered)["key"] == key


CLASSES = [
    {"id": str(at), "name": name, "number": at + 1}
    for at, name in enumerate(["Red fox", "grey wolf", "Arctic fox", "Löwe", "wild boar"])
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fox", ["Red fox", "Arctic fox"]),
        ("lowe", ["Löwe"]),
        ("2", ["grey wolf"]),
        ("W", ["wild boar", "grey wolf", "Löwe"]),
        ("zebra", []),
        ("", ["Löwe", "Red fox", "grey wolf", "Arctic fox", "wild boar"]),
    ],
)
def test_matching__finds_classes_by_part_of_the_name_or_number(call, text, expected):
    found = call("class_names", "matching", CLASSES, text, ["3"])

    assert [entry["name"] for entry in found] == expected


def test_percent__calls_nothing_certain_or_impossible_that_is_not(call):
    assert call("words", "percent", 0.9996) == "99%"
    assert call("words", "percent", 1) == "100%"
    assert call("words", "percent", 0.0004) == "<1%"
    assert call("words", "percent", 0) == "0%"
