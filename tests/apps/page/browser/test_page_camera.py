"""The camera: a live answer, pictures while a button is held, a choice of class and camera."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image

from tests.apps.page.browser.conftest import DEMO, of_class, project_kept

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

N_FRAMES = 31  # no two frames that are taken in a row are equal


def video_of(path):
    """A picture as a film in which it moves, for the camera of Chromium."""
    picture = Image.open(path).convert("RGB").resize((700, 520))
    film = io.BytesIO()
    for number in range(N_FRAMES):
        frame = picture.crop((number, 0, number + 640, 480))
        frame.save(film, "JPEG")
    return film.getvalue()


@pytest.fixture(scope="module")
def filming(launch, tmp_path_factory):
    """A browser whose camera shows a hat."""
    film = tmp_path_factory.mktemp("film") / "hat.mjpeg"
    film.write_bytes(video_of(sorted((DEMO / "hat").glob("*.jpg"))[4]))
    browser = launch(
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
    yield browser
    browser.close()


@pytest.fixture
def page(filming, visit, address):
    """A project of hats and shoes, with three pictures each."""
    page = visit(filming, [*of_class("hat"), *of_class("shoes")]).new_page()
    page.goto(address)
    expect(page.locator(".class")).to_have_count(2)
    return page


def pictures(page):
    """Class → number of pictures, as the server has them; the tray has no name."""
    project = project_kept(page)
    counts = {entry["name"]: len(entry["pictures"]) for entry in project["classes"]}
    return counts | {"": len(project["tray"])}


def test_camera__shows_a_live_answer_and_keeps_nothing(page):
    asked, together = [], []
    page.on("request", lambda one: one.url.endswith("now=true") and asked.append(one))
    for kind in ("requestfinished", "requestfailed"):
        page.on(kind, lambda one: one in asked and together.append(len(asked) - len(together)))

    page.locator("#add-camera").click()

    answer = page.locator(".live-answer p")
    expect(answer).to_have_text(re.compile(r"^hat, \d+%$"), timeout=60_000)
    assert page.locator(".bars .bar-name").all_inner_texts() == ["hat", "shoes"]
    while len(together) < 4:
        page.wait_for_event("requestfinished", timeout=60_000)
    assert set(together) == {1}  # never two at a time
    page.keyboard.press("Escape")
    assert pictures(page) == {"hat": 3, "shoes": 3, "": 0}


def test_camera__held_at_the_upper_edge_of_its_button__records_on_and_stays_open(page):
    page.locator("#add-camera").click()
    dialog = page.get_by_role("dialog")
    shoot = dialog.get_by_role("button", name="Take a picture")
    expect(shoot).to_be_enabled()
    expect(dialog.locator(".live-answer")).to_contain_text("hat", timeout=60_000)
    box = shoot.bounding_box()

    page.mouse.move(box["x"] + 40, box["y"] + 3)
    page.mouse.down()
    expect(dialog.get_by_role("status")).to_have_text(re.compile(r"^[2-9] pictures taken"))
    assert shoot.bounding_box() == box
    page.mouse.move(box["x"] + 40, box["y"] - 40)  # a hand is not steady
    expect(dialog.get_by_role("status")).to_have_text(re.compile(r"^([6-9]|\d\d) pictures taken"))
    page.mouse.up()

    expect(dialog).to_be_visible()
    page.mouse.move(box["x"] + 40, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(3, 3)  # outside the dialog
    page.mouse.up()
    expect(dialog).to_be_visible()
    page.mouse.click(3, 3)
    expect(dialog).to_have_count(0)


def test_camera__while_space_is_held__records_into_the_chosen_class(page):
    page.locator("#add-camera").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Take a picture")).to_be_enabled()
    dialog.get_by_label("Put the pictures into").select_option("shoes")

    page.keyboard.down(" ")
    expect(dialog.get_by_role("status")).to_have_text(re.compile(r"^([5-9]|\d\d) pictures taken"))
    page.keyboard.up(" ")
    taken = int(dialog.get_by_role("status").inner_text().split()[0])
    page.keyboard.press("Escape")

    # On a slow machine two pictures may be of the same moment, and equal ones are kept once.
    expect(page.locator(".class:nth-child(2) .count")).to_have_text(re.compile(r"^([6-9]|\d\d)$"))
    counts = pictures(page)
    assert 3 + 2 < counts.pop("shoes") <= 3 + taken
    assert counts == {"hat": 3, "": 0}
