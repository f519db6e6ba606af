"""Take pictures of every state of the page, at four sizes, light and dark, to look at them.

    python -m tools.page_screenshots FOLDER [STATE …] [--size desk] [--dark]

Needs the package playwright and a Chromium on the PATH. The states need no server.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tools.page_states import (
    ASKED,
    NOT_OPENED,
    OPENING,
    ORIGIN,
    PHONE,
    REFUSED,
    route,
    state,
    with_advice,
    with_frames,
    with_several,
)

# The last is a window of 1440 x 900 pixels at a zoom of 200 %.
SIZES = {"phone": (375, 740), "tablet": (768, 1024), "desk": (1440, 900), "zoomed": (720, 450)}


def keys(*names: str) -> Callable[[Any], None]:
    """Press keys in the tray."""

    def press(page: Any) -> None:
        page.focus("#tray")
        for name in names:
            page.keyboard.press(name)

    return press


def click(where: str) -> Callable[[Any], None]:
    """Click what a selector names."""
    return lambda page: page.locator(where).first.click()


def open_dialog(where: str, content: str) -> Callable[[Any], None]:
    """Click what a selector names, and wait for the content of its dialog."""

    def show(page: Any) -> None:
        page.locator(where).click()
        page.wait_for_selector(content)

    return show


def choose_file(where: str) -> Callable[[Any], None]:
    """Choose a picture with what a selector names, and wait for what the server says of it."""
    file = {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": b"a picture"}

    def choose(page: Any) -> None:
        with page.expect_file_chooser() as chooser:
            page.locator(where).click()
        chooser.value.set_files([file])
        page.wait_for_selector(".error:visible, li strong:not(:empty):visible")

    return choose


def find_class(page: Any) -> None:
    """Search for a class."""
    keys("c")(page)
    page.keyboard.type("chev")


def open_advice(page: Any) -> None:
    """Show all pieces of advice."""
    page.locator("#advice > summary").click()


def open_class(page: Any) -> None:
    """Show the pictures of a class; on a narrow window, in the drawer."""
    if page.locator("#classes-toggle").is_visible():
        page.locator("#classes-toggle").click()
    page.locator(".class-toggle").nth(2).click()


def states() -> dict[str, tuple[dict, Callable[[Any], None] | None]]:
    """Name → the responses of the server, and what a person does then."""
    many, frames = with_advice(state()), with_frames(state(12, 4, 400))
    reading = {"busy": True, "done": 40, "total": 415, "per_second": 31.2, "seconds_left": 12.0}
    filters = {name: (many, click(f"#filters .filter >> nth={n}")) for n, name in FILTERS.items()}
    return {
        "opening": (state(0, 0, 0, work=OPENING), None),
        "not-opened": (state(0, 0, 0, work=NOT_OPENED), None),
        "welcome": (state(0, 0, 0), None),
        "classes": (state(2, 0, 0), None),
        "examples": (state(3, 4, 0), None),
        "reading": (state(5, 3, 400, work=reading), None),
        "few": (with_advice(state(5, 6, 40)), keys("ArrowRight")),
        "many": (many, keys("ArrowRight", "Shift+ArrowRight")),
        "advice": (many, open_advice),
        "several": (with_several(state(5, 4, 60)), keys("ArrowRight")),
        "several-held": (with_several(state(5, 4, 60)), keys("ArrowRight", "4", "5")),
        "several-none": (with_several(state(5, 4, 60)), click("#filters .filter >> nth=2")),
        "several-large": (with_several(state(5, 4, 60)), keys("v")),
        "several-confirmed": (with_several(state(5, 4, 60)), click("#filters .filter >> nth=3")),
        "several-download": (with_several(state(5, 4, 60)), click("#download")),
        "by-answer": (many, lambda page: page.select_option("#order", "class")),
        **filters,
        "minimum": (many, lambda page: page.fill("#threshold-slider", "75")),
        "removed": (many, keys("Shift+ArrowRight", "Delete")),
        "picker": (many, keys("c")),
        "picker-search": (many, find_class),
        "large": (many, keys("v")),
        "keys": (many, keys("?")),
        "class": (many, open_class),
        "camera-traps": (frames, keys("ArrowRight")),
        "history": (many, click("#history")),
        "download": (many, click("#download")),
        "projects": (many, click("#project")),
        "series": (frames, lambda page: page.select_option("#order", "series")),
        "boxes": (frames, open_dialog("#frames button >> nth=0", ".frame-box")),
        "camera": (many | ASKED, open_dialog("#add-camera", ".live-answer .bar")),
        "refused": (many | {"POST /pictures": REFUSED}, choose_file("#add-pictures")),
        "phone": (state(0, 0, 0) | ASKED | PHONE, choose_file("#shoot")),
        "no-token": (state(0, 0, 0) | {"start": "no_token.html"}, None),
        "counts": (frames, open_dialog("#frames button >> nth=1", "tbody tr")),
    }


# The camera is allowed without a question, and shows a test picture.
CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
ARGUMENTS = ["--no-sandbox", *CAMERA]
LOADED = "() => [...document.querySelectorAll('.card img')].every((image) => image.complete)"
FILTERS = {1: "unsure", 2: "none", 3: "confirmed", 4: "doubtful"}


def open_state(browser: Any, given: dict, act: Callable[[Any], None] | None, **options: Any) -> Any:
    """A page in a state, at rest; `options` are those of a new page of playwright."""
    page = browser.new_page(locale="en-GB", reduced_motion="reduce", **options)
    page.route("**/*", route(given))
    page.goto(f"{ORIGIN}/")
    page.wait_for_selector("body:not([data-state=starting]), #opening:visible")
    if given["/project"]["tray"]:
        page.wait_for_selector(".card")
    page.wait_for_function(LOADED)
    if act:
        act(page)
        page.wait_for_function(LOADED)
    return page


def main() -> None:
    """Write FOLDER/STATE-SIZE-SCHEME.png for the states, sizes and colours asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("state", nargs="*")
    parser.add_argument("--size", choices=SIZES, action="append")
    parser.add_argument("--dark", action="store_true", help="dark alone; otherwise light alone")
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    asked.folder.mkdir(parents=True, exist_ok=True)
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        for name, (given, act) in states().items():
            for size in (asked.size or SIZES) if name in asked.state or not asked.state else ():
                scheme = "dark" if asked.dark else "light"
                width, height = SIZES[size]
                viewport = {"width": width, "height": height}
                page = open_state(browser, given, act, viewport=viewport, color_scheme=scheme)
                page.wait_for_timeout(300)
                page.screenshot(path=asked.folder / f"{name}-{size}-{scheme}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
