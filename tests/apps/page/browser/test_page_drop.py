"""A drop of many pictures, and what can be taken back, in a real Chromium."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.apps.page.browser.conftest import choose, of_class, project_kept

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

N = 120


def content(number):
    file = io.BytesIO()
    Image.new("RGB", (20, 20), (number % 256, number // 256, 90)).save(file, "PNG")
    return file.getvalue()


def files(n=N):
    return [
        {"name": f"{number}.png", "mimeType": "image/png", "buffer": content(number)}
        for number in range(n)
    ]


@pytest.fixture
def page(visit, address):
    """The page of a project with three classes."""
    context = visit(files=[file for label in ("dress", "hat", "shoes") for file in of_class(label)])
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(".class >> nth=2")
    return page


def tray_kept(page):
    return len(project_kept(page)["tray"])


def test_drop_of_120_pictures__is_one_edit(page):
    choose(page, "Add pictures", *files())
    expect(page.locator("#messages")).to_contain_text(f"{N} pictures added.")
    expect(page.locator("#tray-count")).to_have_text(str(N))

    page.click("#undo")
    expect(page.locator("#tray-count")).to_have_text("0")
    expect(page.locator("#messages")).to_contain_text(f"Undone: Added {N} pictures")
    assert tray_kept(page) == 0
    page.click("#redo")
    expect(page.locator("#tray-count")).to_have_text(str(N))
    assert tray_kept(page) == N


def test_drop__undone_while_it_runs__is_taken_back_and_stops(page):
    page.route("**/pictures", lambda route: (page.wait_for_timeout(300), route.continue_()))
    choose(page, "Add pictures", *files(400))
    expect(page.locator("#tray-count")).not_to_have_text("0")
    page.click("#undo")

    expect(page.locator("#messages")).to_contain_text("This drop was undone.")
    expect(page.locator("#tray-count")).to_have_text("0")
    assert tray_kept(page) == 0


def test_portion__whose_reply_is_lost__is_counted_once(page):
    lost = []

    def lose(route):
        if lost:
            return route.continue_()
        lost.append(route.fetch())  # the server has done it
        return route.abort()

    page.route("**/pictures", lose)
    choose(page, "Add pictures", *files(1))

    expect(page.locator("#messages")).to_contain_text("1 picture added.")
    expect(page.locator("#messages")).not_to_contain_text("already")


def test_removed_class__leaves_the_numbers_of_the_others(page):
    page.get_by_role("button", name="Remove class: dress").click()
    expect(page.locator(".class-key").first).to_have_text("2")
    choose(page, "Add pictures", *files(1))
    page.locator('.card[title="0.png"]').click()
    page.keyboard.press("3")
    expect(page.locator(".class", has=page.locator(".class-key", has_text="3"))).to_contain_text(
        "4"
    )
    kept = {entry["name"]: len(entry["pictures"]) for entry in project_kept(page)["classes"]}
    assert kept == {"hat": 3, "shoes": 4}

    page.get_by_label("Name of a new class").fill("coat")
    page.keyboard.press("Enter")
    expect(page.locator(".class-key").first).to_have_text("1")
    expect(page.locator("#saved")).to_have_text("Saved")
    assert project_kept(page)["classes"][0]["name"] == "coat"


def test_folder_of_an_earlier_season__becomes_its_classes_with_their_pictures(
    visit, address, tmp_path
):
    for name, file in of_class("hat") + of_class("shoes"):
        path = tmp_path / "season" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file)
    page = visit().new_page()
    page.goto(address)

    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(tmp_path / "season")

    expect(page.locator("#messages")).to_contain_text("6 pictures added.")
    classes = {one["name"]: len(one["pictures"]) for one in project_kept(page)["classes"]}
    assert classes == {"hat": 3, "shoes": 3}
