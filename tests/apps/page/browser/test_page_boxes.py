"""Frames of camera traps in a real Chromium: a detector's file, boxes by mouse and keys, counts."""

from __future__ import annotations

import json
import re
import runpy
import time

import pytest

from tests.apps.page.browser.conftest import PAGE, ROOT, choose, project_kept

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

SCRIPT = "text/javascript"
TIMEOUT = 60_000
CHANGES = re.compile("/frames/.*/boxes")


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Drawn frames of two cameras with a detector's file; the first frames have an unsure box."""
    folder = tmp_path_factory.mktemp("frames")
    runpy.run_path(str(ROOT / "examples" / "camera_trap" / "draw.py"))["main"](folder)
    return folder


@pytest.fixture
def page(visit, address, frames):
    """The page of a project with two classes and twelve frames."""
    document = visit(viewport={"width": 1280, "height": 900}).new_page()
    document.goto(address)
    document.wait_for_selector("body[data-state=welcome]")
    upload(document, frames / "labelled", "*/*.jpg", "folders")
    upload(document, frames, "frames/*/000[0-5].jpg", "")
    expect(document.locator("#tray-count")).to_have_text("12", timeout=TIMEOUT)
    return document


def upload(page, folder, pattern, target):
    """Add files with their paths, as a chosen folder has them."""
    page.evaluate(
        """async ([files, target]) => {
            const form = new FormData();
            form.append("class", target);
            for (const [name, bytes] of files)
                form.append("pictures", new File([Uint8Array.from(bytes)], name), name);
            await fetch("/pictures", {method: "POST", body: form});
        }""",
        [
            [
                (path.relative_to(folder).as_posix(), [*path.read_bytes()])
                for path in sorted(folder.glob(pattern))
            ],
            target,
        ],
    )


def add_boxes(page, frames):
    choose(page, "Add pictures", frames / "frames.detections.json")
    page.wait_for_selector("#frames:visible", timeout=TIMEOUT)


def kept_frames(page):
    """Name → sides of the boxes, as the server has them."""
    kept = page.evaluate("fetch('/frames').then((response) => response.json())")["frames"]
    return {frame["name"]: [box["sides"] for box in frame["boxes"]] for frame in kept}


def test_detector_file__makes_boxes_of_frames(page, frames):
    detected = json.loads((frames / "frames.detections.json").read_text())["images"]
    listed = {f"frames/{image['file']}": image["detections"] for image in detected}
    add_boxes(page, frames)

    kept = kept_frames(page)
    assert {name: len(boxes) for name, boxes in kept.items()} == {
        name: len(listed[name]) for name in kept
    }
    n_boxes = sum(map(len, kept.values()))
    expect(page.locator("#tray-count")).to_have_text(str(n_boxes))
    expect(page.locator("#frames")).to_contain_text(f"12 frames of cameras, {n_boxes} boxes")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#tray-count")).to_have_text("12")


def test_detector_file__given_while_pictures_are_added__gives_all_of_them_their_boxes(page, frames):
    portions = (PAGE / "upload.js").read_text().replace("MAX_FILES = 50", "MAX_FILES = 4")
    page.route("**/upload.js", lambda route: route.fulfill(body=portions, content_type=SCRIPT))
    page.reload()
    page.route("**/pictures", lambda route: (time.sleep(1), route.continue_()))
    choose(page, "Add a folder", frames / "frames")
    page.get_by_role("button", name="Add them unsorted").click()
    choose(page, "Add pictures", frames / "frames.detections.json")

    expect(page.locator("#work-text")).to_contain_text(
        "before the boxes in “frames.detections.json”"
    )
    n = len(list((frames / "frames").glob("*/*.jpg")))
    expect(page.locator("#frames")).to_contain_text(f"{n} frames of cameras", timeout=TIMEOUT)
    assert len(kept_frames(page)) == n


def test_detector_file__given_before_its_pictures__says_which_are_missing(page, frames):
    n = len(list((frames / "frames").glob("*/*.jpg")))
    add_boxes(page, frames)

    expect(page.locator("#messages .error")).to_contain_text(f"{n - 12} frames of the file are not")
    choose(page, "Add a folder", frames / "frames")
    page.get_by_role("button", name="Add them unsorted").click()
    choose(page, "Add pictures", frames / "frames.detections.json")
    expect(page.locator("#frames")).to_contain_text(f"{n} frames of cameras", timeout=TIMEOUT)
    assert len(kept_frames(page)) == n


def test_boxes__are_drawn_moved_removed_and_accepted(page, frames):
    add_boxes(page, frames)
    before = kept_frames(page)
    page.get_by_role("button", name="Review boxes").click()
    dialog = page.get_by_role("dialog")
    name = dialog.get_by_role("heading").inner_text()
    boxes = dialog.locator(".frame-box")
    expect(boxes).to_have_count(len(before[name]))
    expect(boxes.first).to_be_focused()
    expect(boxes.first).to_have_attribute("aria-pressed", "true")

    # By mouse: draw, resize by a corner, move.
    page.wait_for_function(
        """() => {
            const image = document.querySelector(".frame-boxes img");
            const {width, height} = image.getBoundingClientRect();
            return image.naturalWidth
                && Math.abs(width / height - image.naturalWidth / image.naturalHeight) < 0.01;
        }"""
    )
    image = dialog.locator(".frame-boxes img").bounding_box()

    def drag(*points):
        places = [
            (image["x"] + x * image["width"], image["y"] + y * image["height"]) for x, y in points
        ]
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=4)
        page.mouse.up()

    def drawn_box():
        (sides,) = [sides for sides in kept_frames(page)[name] if sides not in before[name]]
        return sides

    drag((0.02, 0.6), (0.12, 0.75))
    expect(boxes).to_have_count(len(before[name]) + 1)
    assert drawn_box() == pytest.approx([0.02, 0.6, 0.1, 0.15], abs=0.01)
    expect(page.locator(".frame-box[aria-pressed=true] .frame-box-text")).to_be_visible()
    with page.expect_response(CHANGES):
        drag((0.12, 0.75), (0.17, 0.8))
    assert drawn_box() == pytest.approx([0.02, 0.6, 0.15, 0.2], abs=0.01)
    with page.expect_response(CHANGES):
        drag((0.08, 0.7), (0.13, 0.7))
    assert drawn_box() == pytest.approx([0.07, 0.6, 0.15, 0.2], abs=0.01)

    # By keys: move, resize, remove, undo, and on to the next frame.
    moved = drawn_box()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+ArrowRight")
    with page.expect_response(CHANGES):
        page.keyboard.press("ArrowDown")
    wanted = [moved[0], moved[1] + 0.02, moved[2] + 0.01, moved[3]]
    page.wait_for_function(
        """async ([name, wanted]) => {
            const {frames} = await (await fetch("/frames")).json();
            const {boxes} = frames.find((frame) => frame.name === name);
            return boxes.some(({sides}) => sides.every((side, place) =>
                Math.abs(side - wanted[place]) < 1e-6));
        }""",
        arg=[name, wanted],
    )
    expect(page.locator(".frame-box[aria-pressed=true]")).to_be_focused()
    page.keyboard.press("Delete")
    expect(boxes).to_have_count(len(before[name]))
    assert kept_frames(page) == before
    page.keyboard.press("Control+z")
    expect(boxes).to_have_count(len(before[name]) + 1)
    page.keyboard.press("Control+Shift+z")
    expect(boxes).to_have_count(len(before[name]))
    page.keyboard.press("PageDown")
    expect(dialog.get_by_role("heading")).not_to_have_text(name)

    # A class by a number key; the next box follows.
    page.keyboard.press("Tab")
    labelled = project_kept(page)
    page.keyboard.press("PageUp")
    boxes.first.focus()
    page.keyboard.press("1")
    page.wait_for_function(
        """async (n) => {
            const {classes} = await (await fetch("/project")).json();
            return classes[0].pictures.length === n;
        }""",
        arg=len(labelled["classes"][0]["pictures"]) + 1,
    )


def test_series_species_and_counts(page, frames):
    add_boxes(page, frames)
    page.locator(".card:not(.stale, .unanswered)").first.wait_for(timeout=TIMEOUT)
    page.get_by_role("button", name="Series, species and counts").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("tbody tr").first).to_be_visible(timeout=TIMEOUT)
    people = dialog.locator("tbody tr").count()
    assert people >= 2

    dialog.get_by_label("Species that occur").fill("deer, fax")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog.get_by_role("status")).to_contain_text("There is no class 'fax'.")
    dialog.get_by_label("Species that occur").fill("deer")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog.get_by_role("status")).to_have_text("Only 1 class occurs.")
    expect(dialog.locator("tbody")).not_to_contain_text("fox", timeout=TIMEOUT)
    dialog.get_by_label("Series: frames of one camera within").check()
    expect(dialog.get_by_role("status")).to_contain_text("within 10 seconds")
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Download").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Counts of species").click()
    rows = download.value.path().read_text("utf-8").splitlines()
    assert rows[0].lstrip("\ufeff") == "species,camera,individuals,pictures"
    assert not any(row.startswith("fox") for row in rows)
