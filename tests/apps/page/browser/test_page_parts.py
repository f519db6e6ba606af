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


def test_remembered__leaves_pictures_where_they_are_and_adds_new_ones_to_their_groups(call):
    before = [{"key": "a", "pictures": ["c", "a"]}, {"key": "b", "pictures": ["b"]}]

    keys = {"map_of": [["b2", "b"], ["d", "d"]]}

    after = call("order", "remembered", before, ["a", "b", "b2", "d"], keys)

    assert after == [
        {"key": "a", "pictures": ["c", "a"]},  # c is away and keeps its place
        {"key": "b", "pictures": ["b", "b2"]},
        {"key": "d", "pictures": ["d"]},
    ]
    assert call("order", "present", after, ["a", "b2"]) == [
        {"key": "a", "pictures": ["a"]},
        {"key": "b", "pictures": ["b2"]},
    ]


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


def test_clicked__with_control_on_a_selected_picture__deselects_it(call):
    after = call(
        "selection", "clicked", selection("b", "b", ["b", "d"]), ORDER, "d", {"toggle": True}
    )

    assert after["selected"] == ["b"]


def test_moved__stays_within_the_order_and_extends_from_where_it_began(call):
    assert call("selection", "moved", selection("b", "b"), ORDER, 100)["current"] == "f"
    assert call("selection", "moved", selection("b", "b"), ORDER, -100)["current"] == "a"
    assert call("selection", "moved", selection(), ORDER, 1)["current"] == "a"
    once = call("selection", "moved", selection("c", "c"), ORDER, 1, {"extend": True})
    back = selection(once["current"], once["anchor"], once["selected"])
    twice = call("selection", "moved", back, ORDER, -2, {"extend": True})
    assert once["selected"] == ["c", "d"]
    assert twice["selected"] == ["b", "c"]


@pytest.mark.parametrize(
    ("gone", "current"),
    [(["c"], "d"), (["c", "d"], "e"), (["f"], "c"), (["c", "d", "e", "f"], "b")],
)
def test_without__moves_on_to_the_next_picture_that_is_left(call, gone, current):
    left = [picture for picture in ORDER if picture not in gone]

    after = call("selection", "without", selection("c", "c", ["c", "a"]), ORDER, left)

    assert after["current"] == current
    assert set(after["selected"]) == {"a", "c"} - set(gone)


def test_acted_on__are_the_selected_pictures_or_else_the_current_one(call):
    assert call("selection", "actedOn", selection("c", "c", ["e", "a"]), ORDER) == ["a", "e"]
    assert call("selection", "actedOn", selection("c"), ORDER) == ["c"]
    assert call("selection", "actedOn", selection(), ORDER) == []


POINTS = [
    {"threshold": 0.8, "kept": 0.4, "errors": 0.0},
    {"threshold": 0.0, "kept": 1.0, "errors": 0.3},
    {"threshold": 0.5, "kept": 0.7, "errors": 0.1},
]


@pytest.mark.parametrize(
    ("threshold", "kept"), [(0, 1.0), (0.49, 1.0), (0.5, 0.7), (0.79, 0.7), (0.99, 0.4)]
)
def test_cost_at__is_that_of_the_last_point_not_above_the_threshold(call, threshold, kept):
    assert call("costs", "costAt", POINTS, threshold)["kept"] == kept


def test_cost_at__without_points__is_nothing(call):
    assert call("costs", "costAt", [], 0.5) is None


def test_counts_at__are_numbers_of_labelled_pictures(call):
    assert call("costs", "countsAt", POINTS, 0.6, 40) == {"kept": 28, "wrong": 3}
    nobody = [{"threshold": 0.9, "kept": 0.0, "errors": None}]
    assert call("costs", "countsAt", nobody, 0.95, 40) == {"kept": 0, "wrong": 0}
    assert call("costs", "countsAt", POINTS, 0.6, 0) is None


def test_count_passing__never_counts_what_is_none_of_the_classes(call):
    assert call("costs", "countPassing", list(ANSWERS.values()), 0) == 3
    assert call("costs", "countPassing", list(ANSWERS.values()), 0.7) == 2
    assert call("costs", "countPassing", list(ANSWERS.values()), 0.91) == 0


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

    assert call("next_step", "nextStep", {"classes": classes, "tray": tray}, answered)["key"] == key


def rows_of(call, *sizes, columns=3):
    groups = [{"key": str(at), "pictures": ["x"] * size} for at, size in enumerate(sizes)]
    return call("tray_rows", "rowsOf", groups, columns, 100, 40)


def test_rows__have_a_heading_above_the_pictures_of_each_group(call):
    table = rows_of(call, 4, 2)

    assert [(row["top"], row["group"], row["from"], row["to"]) for row in table["rows"]] == [
        (0, 0, 0, 0),
        (40, 0, 0, 3),
        (140, 0, 3, 4),
        (240, 1, 4, 4),
        (280, 1, 4, 6),
    ]
    assert table["height"] == 380
    one = call("tray_rows", "rowsOf", [{"key": None, "pictures": ["x"] * 4}], 3, 100, 40)
    assert [row["top"] for row in one["rows"]] == [0, 100]


def test_visible_rows__are_those_in_the_window_and_some_beyond_it(call):
    rows = call("tray_rows", "rowsOf", [{"key": None, "pictures": ["x"] * 50}], 1, 100, 40)["rows"]

    assert call("tray_rows", "visibleRows", rows, 1000, 500, 2) == [8, 17]
    assert call("tray_rows", "visibleRows", rows, -300, 500, 2) == [0, 4]
    assert call("tray_rows", "visibleRows", rows, 90000, 500, 2) == [47, 50]
    assert call("tray_rows", "columnsIn", 320, 148, 12) == 2
    assert call("tray_rows", "columnsIn", 100, 148, 12) == 1


@pytest.mark.parametrize(
    ("place", "n", "below"),
    [(1, 1, 3), (3, 1, 4), (5, -1, 3), (4, -2, 0), (0, -1, 0), (5, 9, 5), (2, 2, 5)],
)
def test_place_below__passes_headings_and_stays_in_the_column(call, place, n, below):
    rows = rows_of(call, 4, 2)["rows"]

    assert call("tray_rows", "placeBelow", rows, place, n) == below


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
    found = call("class_search", "matching", CLASSES, text, ["3"])

    assert [entry["name"] for entry in found] == expected


def test_portions__are_few_enough_and_small_enough_and_lose_no_file(call):
    sizes = [10, 17_000_000, 10, 15_999_980, 10, *[1] * 70]
    files = [{"file": {"size": size}, "path": str(at)} for at, size in enumerate(sizes)]

    portions = call("upload", "portions", files)

    assert [one for portion in portions for one in portion] == files
    assert all(len(portion) <= 32 for portion in portions)
    for portion in portions:
        assert len(portion) == 1 or sum(one["file"]["size"] for one in portion) <= 16e6


def test_percent__calls_nothing_certain_or_impossible_that_is_not(call):
    assert call("words", "percent", 0.9996) == "99%"
    assert call("words", "percent", 1) == "100%"
    assert call("words", "percent", 0.0004) == "<1%"
    assert call("words", "percent", 0) == "0%"


def test_say__chooses_the_form_for_the_number_and_fills_names_in(call):
    assert call("words", "say", "n_pictures", {"n": 1}) == "1 picture"
    assert call("words", "say", "n_pictures", {"n": 1200}) == "1,200 pictures"
    assert call("words", "say", "put_in", {"name": "<b>{n}</b>"}) == "Put it into <b>{n}</b>"


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        ("movedBox", [[0.1, 0.1, 0.2, 0.2], 0.05, -0.05], [0.15, 0.05, 0.2, 0.2]),
        ("movedBox", [[0.1, 0.1, 0.2, 0.2], -1, 1], [0, 0.8, 0.2, 0.2]),
        ("resizedBox", [[0.1, 0.1, 0.2, 0.2], "rb", 0.1, 0.05], [0.1, 0.1, 0.3, 0.25]),
        ("resizedBox", [[0.1, 0.1, 0.2, 0.2], "lt", -1, 1], [0, 0.29, 0.3, 0.01]),
        ("boxBetween", [[0.5, 0.9], [0.2, 1.5]], [0.2, 0.9, 0.3, 0.1]),
        ("boxBetween", [[0.5, 0.5], [0.505, 0.9]], None),
    ],
)
def test_boxes__stay_in_their_frame(call, function, given, expected):
    assert call("box_geometry", function, *given) == expected


@pytest.mark.parametrize(
    ("boxes", "kinds"),
    [
        ([("a", 0.9), (None, 0.1)], {"all", "animals", "weak"}),
        ([(None, 0.1)], {"all", "empty", "weak"}),
        ([(None, 0.6)], {"all", "others"}),
        ([], {"all", "empty"}),
    ],
)
def test_frames__are_shown_by_kind(call, boxes, kinds):
    frame = {"boxes": [{"picture": picture, "confidence": sure} for picture, sure in boxes]}

    of_kind = {
        kind
        for kind in ("all", "animals", "empty", "others", "weak")
        if call("frame_kinds", "isOfKind", frame, kind)
    }
    assert of_kind == kinds


def test_grouped__puts_series_together_in_the_order_of_their_first_pictures(call):
    keys = {"map_of": [["sure", "s"], ["likely", "s"], ["strange", "t"]]}

    groups = call("order", "grouped", TRAY, "series", ANSWERS, {"map_of": []}, keys)
    assert groups == [
        {"key": "s", "pictures": ["sure", "likely"]},
        {"key": "t", "pictures": ["strange"]},
        {"key": "rest", "pictures": ["unanswered", "even"]},
    ]
