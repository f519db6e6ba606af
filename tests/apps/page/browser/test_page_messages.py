"""Messages of the page in a real Chromium: their place, their number, and when they leave."""

from __future__ import annotations

import json

import pytest

from tests.apps.page.browser.conftest import choose, of_class, project_kept
from tools.page_screenshots import open_state
from tools.page_states import WORK, state

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

A_TEXT = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"a text"}


@pytest.fixture
def page(visit, address):
    """The page of a project with two classes and a tray."""
    files = [file for label in ("hat", "shoes") for file in of_class(label)]
    page = visit(files=files).new_page()
    page.goto(address)
    page.wait_for_selector(".class >> nth=1")
    tray = of_class("dress", slice(0, None))
    choose(page, "Add pictures", *[as_file(*one) for one in tray])
    expect(page.locator("#tray-count")).to_have_text(str(len(tray)))
    page.wait_for_selector(".card")
    return page


def as_file(name, content):
    return {"name": name.split("/")[-1], "mimeType": "image/jpeg", "buffer": content}


def full_disk(route):
    refusal = {"error": "No space left on device.", "kind": "not-saved", "values": {}}
    route.fulfill(status=503, body=json.dumps(refusal), content_type="application/json")


def overlaps(page, one, others):
    """Whether an element covers a part of one of the others."""
    return page.evaluate(
        """([one, others]) => {
            const a = document.querySelector(one).getBoundingClientRect();
            return [...document.querySelectorAll(others)].some((node) => {
                const b = node.getBoundingClientRect();
                return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
            });
        }""",
        [one, others],
    )


def test_error__covers_no_picture_and_no_class(page):
    choose(page, "Add pictures", *[A_TEXT | {"name": f"{n}.jpg"} for n in range(20)])
    expect(page.locator(".error")).to_contain_text("20 files could not be added.")

    assert not overlaps(page, ".error", ".card, #classes, #selection")


def test_errors__of_one_cause__do_not_pile_up_and_leave_with_the_next_upload(page):
    for n in (1, 2):
        choose(page, "Add pictures", *[A_TEXT] * n)
        expect(page.locator(".error")).to_contain_text(f"{n} file")
        expect(page.locator(".error")).to_have_count(1)
    name, content = of_class("dress")[0]
    choose(page, "Add pictures", as_file(name, content + b"another file"))

    expect(page.locator("#messages")).to_contain_text("1 picture added.")
    expect(page.locator(".error")).to_have_count(0)


def test_full_disk__stops_the_bar_of_the_upload(page):
    page.route("**/pictures", full_disk)
    choose(page, "Add pictures", *[A_TEXT] * 120)

    expect(page.locator(".error")).to_contain_text("No space left on device.")
    expect(page.locator("#work")).to_be_hidden()
    assert "--out" not in page.locator(".error").inner_text()


def test_title__begins_with_the_time_left_or_the_part_done_until_the_work_is_done(chromium):
    given = state(2, 1, 4, work={"busy": True, "done": 84, "total": 200, "seconds_left": 125.0})
    page = open_state(chromium, given, None)

    expect(page).to_have_title("2 minutes · Camera 4, July – metaadapter")
    given["/work"] |= {"seconds_left": None}
    expect(page).to_have_title("42% · Camera 4, July – metaadapter")
    given["/work"] = WORK
    expect(page).to_have_title("Camera 4, July – metaadapter")
    page.close()


def test_refused_name_of_a_class__is_told_below_its_field_until_another_one_is_written(page):
    field = page.get_by_label("Name of a new class")
    field.fill("HAT")
    page.keyboard.press("Enter")

    expect(page.locator("#class-refusal")).to_contain_text("hat")
    expect(field).to_have_value("HAT")
    expect(page.locator(".error")).to_have_count(0)
    field.press_sequentially("coat")
    expect(page.locator("#class-refusal")).to_have_text("")
    page.keyboard.press("Enter")
    expect(page.locator(".class")).to_have_count(3)


def test_refused_change__is_told_in_the_dialog_that_is_open_and_leaves_with_the_next_one(page):
    page.route("**/labels", full_disk)
    page.focus("#tray")
    page.keyboard.press("v")
    line = page.get_by_role("dialog").locator(".live")
    expect(line).to_have_text("")
    page.keyboard.press("1")
    expect(line).to_have_text("No space left on device.")
    assert line.bounding_box()["height"] > 10
    page.keyboard.press("Escape")
    expect(page.locator(".error")).to_have_count(1)

    page.unroute("**/labels")
    page.wait_for_timeout(500)
    page.keyboard.press("1")
    expect(page.locator(".error")).to_have_count(0)


def test_removed_class__offers_undo_at_its_place(page):
    page.get_by_role("button", name="Remove class: hat").click()
    row = page.locator("#class-list > *").first
    expect(row).to_contain_text("hat is removed.")
    row.get_by_role("button", name="Undo").click()

    expect(page.locator(".class")).to_have_count(2)
    assert [len(one["pictures"]) for one in project_kept(page)["classes"]] == [3, 3]

    page.get_by_role("button", name="Remove class: hat").click()
    expect(page.locator(".removed")).to_be_visible()
    page.get_by_label("Name of a new class").fill("coat")
    page.keyboard.press("Enter")
    expect(page.locator(".removed")).to_have_count(0)


def test_class__merged_into_another__is_gone_with_its_pictures_there_until_undo(page):
    page.get_by_role("button", name="Merge into …: hat").click()
    page.get_by_role("dialog").get_by_role("button", name="shoes").click()
    expect(page.locator(".class")).to_have_count(1)
    (shoes,) = project_kept(page)["classes"]
    assert (shoes["name"], len(shoes["pictures"])) == ("shoes", 6)

    page.keyboard.press("Control+z")
    expect(page.locator(".class")).to_have_count(2)
    assert [len(one["pictures"]) for one in project_kept(page)["classes"]] == [3, 3]


def test_near_copies__of_a_selection__are_told_and_one_of_each_group_stays_selected(page):
    n = len(of_class("dress", slice(0, None)))
    ((name, content),) = of_class("dress", slice(0, 1))
    choose(page, "Add pictures", *[as_file(name, content + bytes([one])) for one in range(3)])
    expect(page.locator("#tray-count")).to_have_text(str(n + 3))
    expect(page.locator(".card:not(.stale, .unanswered)")).to_have_count(n + 3)
    page.get_by_role("button", name="Select all").click()
    line = page.locator(".selection-copies")
    expect(line).to_contain_text(f"Of these {n + 3} pictures {n} count as labels")
    page.get_by_role("button", name="Keep one of each group").click()
    expect(page.locator(".card[aria-selected=true]")).to_have_count(n)
    expect(line).to_have_count(0)
    page.locator(".selection-class", has_text="hat").click()

    expect(page.locator("#tray-count")).to_have_text("3")


def test_class_and_pictures__moved_to_another_project__are_taken_back_on_each_side(page):
    page.get_by_role("button", name="Move to project …: hat").press("Enter")
    page.get_by_role("dialog").get_by_role("button", name="first", exact=True).press("Enter")
    expect(page.locator(".class")).to_have_count(1)
    expect(page.locator("#messages")).to_contain_text("Moved to first: hat.")
    page.locator("#messages").get_by_role("button", name="Undo").click()
    expect(page.locator(".class")).to_have_count(2)

    n = len(project_kept(page)["tray"])
    page.locator("#tray").press("Control+a")
    page.locator("#selection").get_by_role("button", name="Move to project …").click()
    page.get_by_role("dialog").get_by_role("button", name="first", exact=True).click()
    expect(page.locator("#messages")).to_contain_text(f"Moved to first: {n} pictures.")
    expect(page.locator(".card")).to_have_count(0)

    page.locator("#project").click()
    page.get_by_role("dialog").get_by_role("button", name="first", exact=True).click()
    expect(page.locator("#project")).to_have_text("first")
    (hat,) = project_kept(page)["classes"]
    assert (hat["name"], len(hat["pictures"])) == ("hat", 3)
    expect(page.locator("#tray-count")).to_have_text(str(n))
    for _ in range(2):
        page.keyboard.press("Control+z")
    expect(page.locator("#welcome")).to_be_visible()
