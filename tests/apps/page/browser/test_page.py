"""The whole story in a real Chromium, by mouse and by keyboard, to correct predictions.

METAADAPTER_SCREENSHOTS=FOLDER keeps a picture of each step, in light, dark and on a phone.
"""

from __future__ import annotations

import base64
import csv
import io
import mimetypes
import os
import re
import zipfile
from pathlib import Path

import pytest

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[4]
DEMO = ROOT / "metaadapter" / "assets" / "demo" / "pictures"
SHOTS, SORTED = slice(0, 3), slice(3, 8)  # of each class: given as examples, and to be sorted
PHONE = {"width": 375, "height": 740}
PATIENCE = 120_000  # milliseconds
WINDOW = {"width": 1280, "height": 800}


def pictures(label, part):
    return sorted((DEMO / label).glob("*.jpg"))[part]


TRUTH = {path.name: path.parent.name for path in DEMO.glob("*/*.jpg")}


@pytest.fixture
def page(chromium, address, request):
    """The page of a new project; it must make no error and send no request to another host."""
    context = chromium.new_context(viewport=WINDOW, locale="en-GB", accept_downloads=True)
    document = context.new_page()
    faults, hosts = [], set()
    document.on("pageerror", lambda error: faults.append(str(error)))
    document.on("console", lambda message: message.type == "error" and faults.append(message.text))
    document.on("filechooser", lambda _: None)  # from the start: a key is quicker than asking
    document.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    context.request.get(address)
    new = context.request.post(
        address.split("?")[0] + "projects",
        data={"name": request.node.name},
        timeout=PATIENCE,  # the first project may still be being opened
    )
    assert new.ok, new.text()
    document.goto(address)
    document.wait_for_selector("body[data-state=welcome]")
    yield document
    context.close()
    assert [fault for fault in faults if "net::ERR_FAILED" not in fault] == []  # of a cut line
    assert hosts == {address.split("/")[2]}


@pytest.fixture
def keep(page, request):
    """Save screenshots of the page under a name, if the environment names a folder."""
    folder = os.environ.get("METAADAPTER_SCREENSHOTS")

    def shoot(name):
        if not folder:
            return
        for look in ("light", "dark", "phone"):
            page.emulate_media(color_scheme="dark" if look == "dark" else "light")
            page.set_viewport_size(PHONE if look == "phone" else WINDOW)
            page.wait_for_timeout(300)
            page.screenshot(path=Path(folder) / f"{request.node.name}-{name}-{look}.png")
        page.set_viewport_size(WINDOW)
        page.wait_for_timeout(300)

    return shoot


def wait_for_answers(page, n):
    """Wait until all of `n` pictures in the tray have an up-to-date prediction."""
    expect(page.locator("#tray-count")).to_have_text(str(n))
    expect(page.locator(".card:not(.stale, .unanswered)")).to_have_count(n, timeout=60_000)


def answers_shown(page):
    """File name → answered class, of the cards in the document."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll(".card")].map((card) =>
            [card.title, card.querySelector(".answer-name").textContent]))"""
    )


def classes_kept(page):
    """Class → file names of its pictures, as the server has them."""
    project = page.evaluate("fetch('/project').then((response) => response.json())")
    return {
        one["name"]: {project["names"][picture] for picture in one["pictures"]}
        for one in project["classes"]
    }


def right(answers):
    return sum(TRUTH[name] == label for name, label in answers.items())


def drop(page, where, paths):
    """Drop files on an element, as from a file manager."""
    dispatch(page, where, paths, ["dragover", "drop"])


def dispatch(page, where, paths, kinds):
    files = [
        {
            "name": path.name,
            "data": base64.b64encode(path.read_bytes()).decode(),
            "type": mimetypes.guess_type(path)[0],
        }
        for path in paths
    ]
    page.evaluate(
        """([where, files, kinds]) => {
            const transfer = new DataTransfer();
            for (const {name, data, type} of files) {
                const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name, {type}));
            }
            const how = {bubbles: true, cancelable: true};
            for (const kind of kinds)
                document.querySelector(where).dispatchEvent(kind === "paste"
                    ? new ClipboardEvent(kind, {...how, clipboardData: transfer})
                    : new DragEvent(kind, {...how, dataTransfer: transfer}));
        }""",
        [where, files, kinds],
    )


def choose(page, act, paths):
    with page.expect_file_chooser() as chooser:
        act()
    chooser.value.set_files([str(path) for path in paths])


def test_story__by_mouse(page, keep):
    keep("1-welcome")
    page.get_by_label("First class").fill("hat")
    page.get_by_label("Second class").fill("shoes")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.wait_for_selector(".class >> nth=1")
    keep("2-classes")

    for label in ("hat", "shoes"):
        add = page.get_by_role("button", name=f"Add pictures: {label}")
        choose(page, add.click, pictures(label, SHOTS))
    drop(page, "#tray-empty", [*pictures("hat", SORTED), *pictures("shoes", SORTED)])
    wait_for_answers(page, 10)
    keep("3-answers")
    assert right(answers_shown(page)) >= 9

    # A wrong label, then a click that puts the picture right, through the bar.
    shoe = pictures("shoes", SORTED)[0].name
    page.get_by_title(shoe).click()
    page.locator(".selection-class", has_text="hat").click()
    expect(page.locator("#tray-count")).to_have_text("9")
    assert shoe in classes_kept(page)["hat"]
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#tray-count")).to_have_text("10")
    page.get_by_role("button", name="Redo").click()
    expect(page.locator("#tray-count")).to_have_text("9")
    page.get_by_role("button", name=shoe).click()
    page.get_by_role("dialog").get_by_role("button", name="shoes", exact=True).click()
    expect(page.locator(".class:nth-child(2) .shot")).to_have_count(4)
    wait_for_answers(page, 9)

    # Several at once: a range, and one more.
    page.locator(".card").nth(0).click()
    page.locator(".card").nth(3).click(modifiers=["Shift"])
    page.locator(".card").nth(6).click(modifiers=["Control"])
    assert page.locator(".card[aria-selected=true]").count() == 5
    keep("4-selected")
    page.keyboard.press("Escape")

    page.locator("#threshold-slider").fill("90")
    assert "answers count" in page.locator("#threshold-cost").inner_text()
    keep("5-threshold")
    page.locator("#threshold-slider").fill("0")

    page.get_by_role("button", name="Select all").click()
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.locator("#tray-count")).to_have_text(re.compile("[0-2]"))
    page.wait_for_selector("#tray-empty:visible")
    page.get_by_role("button", name=re.compile("^Confirmed")).click()
    expect(page.locator(".card.labelled")).to_have_count(16)
    for name, label in answers_shown(page).items():
        if label == "None of these":  # taken for a stranger
            page.get_by_title(name, exact=True).click()
            page.locator(".selection-class", has_text=TRUTH[name]).click()
    expect(page.locator(".labelled .answer-name", has_text="None of these")).to_have_count(0)
    kept = classes_kept(page)
    assert sum(map(len, kept.values())) == 16
    assert sum(right(dict.fromkeys(names, label)) for label, names in kept.items()) >= 15

    page.get_by_role("button", name="Download").click()
    keep("6-download")
    with page.expect_download() as download:
        page.get_by_role("button", name="Answers as a table").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8"))))
    assert len(rows) == 16


def test_story__by_keyboard(page, keep):
    keys = page.keyboard
    go_to(page, "#first-class-1")
    keys.type("hat")
    keys.press("Tab")
    keys.type("shoes")
    keys.press("Enter")
    expect(page.locator("#classes-title")).to_be_focused()

    for label in ("hat", "shoes"):
        go_to(page, f'[aria-label="Add pictures: {label}"]')
        choose(page, lambda: keys.press("Enter"), pictures(label, SHOTS))
    go_to(page, "#add-pictures")
    sorted_ones = [*pictures("hat", SORTED), *pictures("shoes", SORTED)]
    choose(page, lambda: keys.press("Enter"), sorted_ones)
    wait_for_answers(page, 10)
    assert right(answers_shown(page)) >= 9

    go_to(page, "#tray")
    for left in range(9, 4, -1):  # each by its number: 1 is hat, 2 is shoes
        keys.press("2" if TRUTH[current(page)] == "shoes" else "1")
        expect(page.locator("#tray-count")).to_have_text(str(left))
        expect(page.locator("#live")).to_contain_text(f"{left} left to sort")
    wait_for_answers(page, 5)
    before = current(page)
    keys.press("ArrowRight")
    assert current(page) != before
    keys.press("Shift+ArrowRight")
    assert page.locator(".card[aria-selected=true]").count() == 2
    keys.press("Escape")
    keep("1-tray")
    keys.press("Control+a")
    keys.press("Enter")
    expect(page.locator("#tray-count")).to_have_text(re.compile("[0-2]"))
    keys.press("Control+z")
    expect(page.locator("#tray-count")).to_have_text("5")
    keys.press("Control+Shift+z")
    expect(page.locator("#tray-count")).to_have_text(re.compile("[0-2]"))

    kept = classes_kept(page)
    assert sum(map(len, kept.values())) >= 14
    assert sum(right(dict.fromkeys(names, label)) for label, names in kept.items()) >= 14


def current(page):
    """File name of the current picture."""
    return page.evaluate(
        """() => document.getElementById(
            document.querySelector("#tray").getAttribute("aria-activedescendant")).title"""
    )


def go_to(page, where, most=60):
    """Press Tab until an element has the focus."""
    for _ in range(most):
        if page.evaluate("where => document.activeElement.matches(where)", where):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{where} cannot be reached with the Tab key")


def test_reload__shows_all_that_was_shown_before(page):
    begin(page, "hat", "shoes")
    drop(page, "#tray-empty", pictures("hat", SORTED))
    wait_for_answers(page, 5)
    page.get_by_label("Description of hat").fill("worn on a head")
    page.keyboard.press("Enter")
    expect(page.locator("#saved")).to_have_text("Saved")
    before = answers_shown(page)

    page.reload()
    wait_for_answers(page, 5)

    assert answers_shown(page).keys() == before.keys()
    assert page.get_by_label("Description of hat").input_value() == "worn on a head"


def begin(page, *labels):
    """Classes with their examples."""
    page.get_by_label("First class").fill(labels[0])
    page.get_by_label("Second class").fill(labels[1])
    page.get_by_role("button", name="Begin", exact=True).click()
    for at, label in enumerate(labels[:2]):
        page.wait_for_selector(f".class >> nth={at}")
        drop(page, f".class:nth-child({at + 1})", pictures(label, SHOTS))
        page.wait_for_selector(f".class:nth-child({at + 1}) .shot >> nth=2")


def test_folder__makes_a_class_of_each_folder_in_it(page, tmp_path):
    for label in ("dress", "pants"):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for path in pictures(label, SHOTS):
            (tmp_path / "photos" / label / path.name).write_bytes(path.read_bytes())
    (tmp_path / "photos" / ".DS_Store").write_bytes(b"of a system")

    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(str(tmp_path / "photos"))
    expect(page.locator(".shot")).to_have_count(6)

    kept = classes_kept(page)
    assert {label: len(names) for label, names in kept.items()} == {"dress": 3, "pants": 3}
    assert page.locator(".error").count() == 0


@pytest.mark.parametrize(
    ("answer", "n_classes", "n_tray"),
    [("Make a class of each folder", 2, "0"), ("Add them unsorted", 0, "6")],
)
def test_zip__dropped_anywhere__asks_about_its_folders(page, tmp_path, answer, n_classes, n_tray):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in [*pictures("dress", SHOTS), *pictures("pants", SHOTS)]:
            archive.write(path, f"photos/{path.parent.name}/{path.name}")

    drop(page, ".top", [tmp_path / "photos.zip"])
    page.get_by_role("dialog").get_by_role("button", name=answer).click()

    expect(page.locator("#tray-count")).to_have_text(n_tray)
    expect(page.locator(".class")).to_have_count(n_classes)
    expect(page.locator(".error")).to_have_count(0)


def test_names__that_look_like_markup__are_text(page):
    name = '<img src="x" onerror="document.title=\'taken\'">'
    page.get_by_label("First class").fill(name)
    page.get_by_label("Second class").fill("shoes")
    page.get_by_role("button", name="Begin", exact=True).click()
    page.wait_for_selector(".class >> nth=1")

    assert page.locator(".class-name").first.input_value() == name
    assert page.locator('img[src="x"]').count() == 0
    assert "taken" not in page.title()


def test_unreadable_file__is_named_with_a_reason_and_the_others_are_kept(page, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    notes = tmp_path / "notes.txt"
    notes.write_text("no picture either")
    begin(page, "hat", "shoes")

    button = page.get_by_role("button", name="Add pictures", exact=True)
    choose(page, button.click, [broken, notes, *pictures("hat", SORTED)])
    page.wait_for_selector(".error li >> nth=1")

    assert {"broken.jpg", "notes.txt"} <= {
        text.split(":")[0] for text in page.locator(".error li").all_inner_texts()
    }
    wait_for_answers(page, 5)


def test_controls__all_have_a_name_for_screen_readers_and_none_keeps_the_focus(page):
    begin(page, "hat", "shoes")
    drop(page, "#tray-empty", pictures("hat", SORTED))
    wait_for_answers(page, 5)

    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    controls = [
        node
        for node in tree
        if not node["ignored"]
        and any(p["name"] == "focusable" and p["value"]["value"] for p in node["properties"])
        and node["role"]["value"] not in ("RootWebArea", "scrollable")
    ]
    nameless = [node["role"]["value"] for node in controls if not node.get("name", {}).get("value")]
    assert len(controls) > 20
    assert nameless == []

    page.evaluate("document.activeElement.blur()")
    seen = []
    for _ in range(len(controls) + 5):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement === document.body"))
    assert any(seen)  # the focus has left the page at its end


def test_paste__adds_a_picture_to_the_tray_or_to_the_class_that_has_the_focus(page):
    begin(page, "hat", "shoes")
    hat, shoe = pictures("hat", SORTED)[0], pictures("shoes", SORTED)[0]

    dispatch(page, "#tray-empty", [shoe], ["paste"])
    expect(page.locator("#tray-count")).to_have_text("1")
    dispatch(page, ".class:nth-child(1) .class-description", [hat], ["paste"])
    expect(page.locator(".class:nth-child(1) .shot")).to_have_count(4)

    assert hat.name in classes_kept(page)["hat"]


def test_card__dragged_to_a_class__is_an_example_of_it(page):
    begin(page, "hat", "shoes")
    drop(page, "#tray-empty", pictures("shoes", SORTED))
    wait_for_answers(page, 5)
    name = page.locator(".card").first.get_attribute("title")

    page.locator(".card img").first.drag_to(page.locator(".class").nth(1))

    expect(page.locator("#tray-count")).to_have_text("4")
    assert name in classes_kept(page)["shoes"]


def test_camera__adds_each_picture_at_once(page):
    begin(page, "hat", "shoes")

    page.get_by_role("button", name="Camera: hat").click()
    page.get_by_role("button", name="Take a picture").click()
    expect(page.locator(".class:nth-child(1) .shot")).to_have_count(4)
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_have_count(0)


def test_upload__can_be_stopped_and_says_what_was_added(page):
    begin(page, "hat", "shoes")
    page.route("**/pictures", lambda _: None)  # a server that takes for ever

    drop(page, "#tray-empty", pictures("hat", SORTED))
    page.get_by_role("button", name="Stop", exact=True).click()

    expect(page.locator("#messages")).to_contain_text("Not finished: 0 pictures added.")
    expect(page.locator("#work")).to_be_hidden()


def test_phone__shows_nothing_beyond_its_width(page):
    begin(page, "hat", "shoes")
    drop(page, "#tray-empty", pictures("hat", SORTED))
    wait_for_answers(page, 5)
    page.locator(".card").first.click()

    page.set_viewport_size(PHONE)
    page.wait_for_timeout(200)

    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    too_wide = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((node) => {
            const box = node.getBoundingClientRect();
            const scrolls = node.closest(".shots, .selection, .tray-tools");
            return box.width && box.right > innerWidth + 1 && !scrolls;
        }).map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert too_wide == []


def test_server_that_is_gone__is_reported_and_the_page_stays(page):
    begin(page, "hat", "shoes")
    page.route("**/*", lambda route: route.abort())
    page.get_by_label("Name of a new class").fill("dress")
    page.keyboard.press("Enter")
    page.wait_for_selector(".error")
    assert "does not respond" in page.locator(".error").first.inner_text()
    assert page.locator(".class").count() == 3  # the new class waits for the server
    expect(page.locator("#saved")).to_have_text("1 change is not saved yet")


def test_projects__on_a_phone__fit_its_width(page):
    page.set_viewport_size(PHONE)
    page.locator("#project").click()
    dialog = page.get_by_role("dialog")
    inner = dialog.bounding_box()

    for button in dialog.get_by_role("button").all():
        box = button.bounding_box()
        assert inner["x"] <= box["x"]
        assert box["x"] + box["width"] <= inner["x"] + inner["width"]


@pytest.mark.parametrize("start", ["http://elsewhere.example/", "file"])
def test_link__on_another_page__leads_to_this_one(chromium, address, tmp_path, start):
    link = f'<!doctype html><a href="{address}">to the page</a>'
    (tmp_path / "link.html").write_text(link)
    other = chromium.new_page()
    other.route("http://elsewhere.example/", lambda route: route.fulfill(body=link))
    other.goto((tmp_path / "link.html").as_uri() if start == "file" else start)

    other.get_by_text("to the page").click()

    expect(other.locator("#project")).to_be_visible(timeout=20_000)
    other.close()
