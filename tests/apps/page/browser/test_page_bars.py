"""Bars of a prediction: in the camera's dialog and on the page of a phone."""

from __future__ import annotations

import pytest

from tools.page_screenshots import SIZES, choose_file, open_dialog, open_state
from tools.page_states import NAMES, PHONE, state

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow
SIX = dict(zip(NAMES[:6], (0.02, 0.71, 0.004, 0.156, 0.1, 0.01), strict=True))
PERCENTS = ["2%", "71%", "<1%", "16%", "10%", "1%"]
WIDTHS = """nodes => nodes.map((node) => {
    const filled = getComputedStyle(node, "::after");
    const width = new DOMMatrix(filled.transform).a * parseFloat(filled.width);
    return width / node.getBoundingClientRect().width;
})"""
ARE_SEEN = """() => ["video", ".bars"].every((where) => {
    const { top, bottom } = document.querySelector(where).getBoundingClientRect();
    const dialog = document.querySelector("dialog").getBoundingClientRect();
    return top >= dialog.top && bottom <= Math.min(dialog.bottom, innerHeight);
})"""


def asked(probabilities, **changes):
    """The response with a prediction; the classes are sorted, as in an adapter."""
    best = max(probabilities, key=probabilities.get)
    prediction = {
        "label": best,
        "probability": probabilities[best],
        "probabilities": dict(sorted(probabilities.items())),
        "unfamiliar": False,
        **changes,
    }
    return {"POST /predict": {"predictions": [prediction], "shift": None, "refused": []}}


def on_phone(chromium, probabilities, **changes):
    """The page of a phone with the prediction of a picture."""
    given = state(0, 0, 0) | PHONE | asked(probabilities, **changes)
    act = choose_file("#shoot")
    return open_state(chromium, given, act, viewport={"width": 375, "height": 740})


def names(page, which=""):
    return page.locator(f".bars li{which} .bar-name").all_inner_texts()


def has_bars_of_six(page):
    assert names(page) == [*SIX]
    assert page.locator(".bar-part").all_inner_texts() == PERCENTS
    widths = page.locator(".bars .bar").evaluate_all(WIDTHS)
    assert widths == pytest.approx([*SIX.values()], abs=1e-3)
    assert names(page, "[aria-current=true]") == [NAMES[1]]


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_camera__has_a_bar_for_each_class_in_their_order_beside_the_whole_video(chromium, size):
    width, height = SIZES[size]
    page = open_state(
        chromium,
        state(6, 4, 40) | asked(SIX),
        open_dialog("#add-camera", ".bars"),
        viewport={"width": width, "height": height},
    )
    page.wait_for_function("document.querySelector('video').videoWidth")

    has_bars_of_six(page)
    assert page.evaluate(ARE_SEEN)
    page.close()


def test_phone__has_the_same_bars_below_each_picture(chromium):
    page = on_phone(chromium, SIX)

    has_bars_of_six(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.close()


def test_bars__of_many_classes__are_those_of_the_ten_most_probable(chromium):
    share = {name: 0.001 + n / 10**6 for n, name in enumerate(NAMES)}
    page = on_phone(chromium, share | {NAMES[12]: 0.6, NAMES[19]: 0.3})

    assert names(page) == [*NAMES[:8], NAMES[12], NAMES[19]]
    page.close()


@pytest.mark.parametrize(
    ("more", "changes", "expected"),
    [
        ({}, {"labels": [NAMES[1], NAMES[3]]}, [NAMES[1], NAMES[3]]),
        ({}, {"labels": []}, []),
        ({}, {"unfamiliar": True}, []),
        ({"none of these": 0.8}, {"unfamiliar": True}, ["None of these"]),
    ],
)
def test_bars__emphasize_the_classes_of_the_answer(chromium, more, changes, expected):
    page = on_phone(chromium, SIX | more, **changes)

    assert names(page, "[aria-current=true]") == expected
    assert len(names(page)) == len(SIX | more)
    page.close()
