"""The page for everyone: axe-core in every state, and walks by keyboard and accessibility tree."""

from __future__ import annotations

import pytest

from tools.page_screenshots import SIZES, open_state, states
from tools.page_states import state

expect = pytest.importorskip("playwright.sync_api").expect

STATES = states()
# Rules beyond those of WCAG 2.2 AA and best practice, which axe-core runs only when asked.
RULES = {"label-content-name-mismatch": {"enabled": True}, "target-size": {"enabled": True}}


def open_at(chromium, name, size="desk", scheme="light"):
    given, act = STATES[name]
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    return open_state(chromium, given, act, viewport=viewport, color_scheme=scheme)


def violations(page):
    """The violations that axe-core reports: rules with their elements."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core")
    found = axe.Axe().run(page, options={"rules": RULES}).response["violations"]
    return {rule["id"]: [node["html"][:160] for node in rule["nodes"][:3]] for rule in found}


@pytest.mark.parametrize("name", ["opening", "not-opened", "welcome", "many", "large"])
def test_page__has_no_violation(chromium, name):
    page = open_at(chromium, name)

    assert violations(page) == {}
    assert page.locator("h1:visible").count() == 1
    page.close()


FOCUS = """() => {
    const node = document.activeElement;
    const box = node.getBoundingClientRect();
    return [node.id || node.className || node.tagName, box.bottom > 0 && box.top < innerHeight];
}"""


def test_tab__goes_through_the_page_in_the_order_of_its_parts(chromium):
    page = open_at(chromium, "few")
    page.locator("#project").focus()
    page.keyboard.press("Shift+Tab")

    seen = [page.evaluate(FOCUS)]
    while seen[-1][0] != "BODY":
        page.keyboard.press("Tab")
        seen.append(page.evaluate(FOCUS))
        assert len(seen) < 80, "the focus never leaves the page"

    order = [name for name, _ in seen]
    parts = ["skip", "project", "undo", "download", "add-pictures", "order", "tray", "language"]
    assert [part for part in order if part in parts] == parts
    assert order.index("tray") < order.index("new-class-name") < order.index("language")
    assert [name for name, is_in_window in seen[:-1] if not is_in_window] == []
    page.close()


def tree(page):
    """Role and name of each node of the accessibility tree, without hidden ones."""
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    return [
        (
            node["role"]["value"],
            node.get("name", {}).get("value", ""),
            {one["name"]: one["value"].get("value") for one in node.get("properties", [])},
        )
        for node in nodes
        if not node["ignored"]
    ]


@pytest.mark.parametrize("name", ["many", "by-answer", "class", "large", "picker", "removed"])
def test_accessibility_tree__names_every_control_and_picture(chromium, name):
    page = open_at(chromium, name)
    nodes = tree(page)
    page.close()

    controls = {"button", "combobox", "textbox", "searchbox", "slider", "link", "grid", "listbox"}
    nameless = [role for role, name, _ in nodes if role in controls and not name]
    assert nameless == []
    headings = [(props["level"], name) for role, name, props in nodes if role == "heading"]
    if name in ("large", "picker"):  # what is behind a modal dialog is not in the tree
        assert len(headings) == 1
        return
    levels = [level for level, _ in headings]
    assert levels.count(1) == 1 == levels[0]
    cells = [name for role, name, _ in nodes if role == "gridcell" and ".jpg" in name]
    assert cells
    for cell in cells:  # a screen reader says the file and the answer
        assert cell.startswith("IMG_")
        assert any(word in cell for word in ("%", "None of these"))


@pytest.fixture
def sent(chromium):
    """A page with many pictures, and the labels that it has sent."""
    page = open_at(chromium, "many")
    labels = []

    def note(request):
        if request.method == "POST" and request.url.endswith("/labels"):
            labels.extend(request.post_data_json["labels"].values())

    page.on("request", note)
    yield page, labels
    page.close()


def has_focus(page, where):
    expect(page.locator(where)).to_be_focused()


def test_keys__go_on_working_after_a_click_in_the_bar_and_under_caps_lock(sent):
    page, labels = sent
    page.locator(".selection-class").first.click()
    has_focus(page, "#tray")
    page.locator("#order").focus()
    page.locator("#select-all").focus()  # any button of the tools
    page.keyboard.press("3")
    has_focus(page, "#tray")
    with page.expect_request(lambda asked: "none" in (asked.post_data or "")):
        page.keyboard.press("0")
    assert "c2" in labels

    page.keyboard.press("V")
    expect(page.locator("dialog.picture-dialog")).to_be_visible()


def test_large_view__has_keys_for_classes_and_for_the_pictures_beside(sent):
    page, labels = sent
    page.keyboard.press("Escape")
    page.keyboard.press("v")
    first = page.locator("dialog h2").inner_text()

    page.keyboard.press("ArrowRight")
    second = page.locator("dialog h2").inner_text()
    assert second != first
    page.keyboard.press("4")
    expect(page.locator("dialog h2")).not_to_have_text(second)
    page.keyboard.press("c")
    page.keyboard.type("boar")
    with page.expect_request(lambda asked: "c10" in (asked.post_data or ""), timeout=60_000):
        page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('dialog').length === 1")
    page.keyboard.press("Escape")

    assert labels == ["c3", "c10"]
    has_focus(page, "#tray")


def test_class_picker__makes_a_class_that_does_not_exist(sent):
    page, _ = sent
    page.keyboard.press("c")
    page.keyboard.type("okapi")
    with page.expect_request(lambda asked: asked.url.endswith("/classes")) as asked:
        page.keyboard.press("Enter")

    assert asked.value.post_data_json["name"] == "okapi"


def test_removal__says_how_many_and_offers_to_undo_it(sent):
    page, _ = sent
    page.keyboard.press("Delete")

    expect(page.locator(".message")).to_contain_text("2 pictures removed.")
    has_focus(page, "#tray")
    with page.expect_request(lambda asked: asked.url.endswith("/undo")):
        page.locator(".message").get_by_role("button", name="Undo").click()


@pytest.mark.parametrize("close", ["Escape", "button"])
def test_focus__returns_to_its_place_after_a_dialog(sent, close):
    page, _ = sent
    for where in ("#project", "#download", "#advice > summary"):
        page.locator(where).focus()
        page.keyboard.press("Enter")
        if where == "#advice > summary":
            page.locator("#advice .shot").first.click()
        expect(page.locator("dialog")).to_be_visible()
        if close == "Escape":
            page.keyboard.press("Escape")
        else:
            page.locator("dialog .close").click()
        expect(page.locator("dialog")).to_have_count(0)
        assert page.evaluate("document.activeElement.tagName") != "BODY"


def test_focus__stays_in_the_tray_when_a_filter_shows_nothing(sent):
    page, _ = sent
    page.locator("#class-filter").focus()
    page.locator(".filter", has_text="Unsure").click()

    expect(page.locator("#tray-empty")).to_have_text("No picture matches this filter.")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.tagName") != "BODY"


def test_stopped_work__goes_on_by_a_button(chromium):
    page = open_at(chromium, "stopped")

    expect(page.locator("#work")).to_contain_text("375 pictures are not read yet")
    with page.expect_request(lambda asked: asked.url.endswith("/work/resume")):
        page.get_by_role("button", name="Go on").click()
    page.close()


@pytest.mark.parametrize("size", ["phone", "zoomed"])
def test_small_window__shows_pictures_first_and_bars_leave_room(chromium, size):
    page = open_at(chromium, "many", size)
    width, height = SIZES[size]

    covered = page.evaluate(
        """() => ["#tray-tools", "#dock"].map((where) => {
            const box = document.querySelector(where).getBoundingClientRect();
            return Math.max(0, Math.min(box.bottom, innerHeight) - Math.max(box.top, 0));
        }).reduce((sum, height) => sum + height)"""
    )
    assert covered < height / 3
    assert page.locator(".card").first.bounding_box()["y"] < height
    expect(page.locator("#classes")).to_be_hidden()
    page.locator("#classes-toggle").click()
    expect(page.locator(".class").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#classes")).to_be_hidden()
    has_focus(page, "#classes-toggle")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


def test_two_hundred_classes__are_found_by_a_part_of_the_name_beside_and_below_the_tray(chromium):
    viewport = {"width": 1440, "height": 900}
    page = open_state(chromium, state(200, 2, 300), None, viewport=viewport)

    page.get_by_label("Find a class").fill("number 15")
    names = page.locator("#class-list .class-title").all_inner_texts()
    assert names == [f"species number {n}" for n in range(150, 160)]
    page.focus("#tray")
    bar = page.locator("#selection")
    expect(bar).to_be_visible()
    assert bar.bounding_box()["height"] < 150
    page.keyboard.press("c")
    expect(page.locator("[role=option]")).to_have_count(201)  # with none of these
    page.keyboard.type("183")
    with page.expect_request(lambda asked: asked.url.endswith("/labels")) as asked:
        page.keyboard.press("Enter")
    assert list(asked.value.post_data_json["labels"].values()) == [f"c{182:x}"]
    page.close()


def test_order_and_minimum__are_kept_when_the_page_is_loaded_again(chromium):
    page = open_at(chromium, "unsure")
    page.select_option("#order", "certain")
    page.locator("#threshold-slider").fill("80")

    page.reload()

    expect(page.locator("#order")).to_have_value("certain")
    expect(page.locator("#threshold-slider")).to_have_value("80")
    expect(page.locator("#threshold-cost")).to_be_visible()
    page.close()


@pytest.mark.parametrize("size", ["desk", "phone"])
def test_message__covers_no_field_and_no_button(chromium, size):
    page = open_at(chromium, "removed", size)
    expect(page.locator(".message")).to_be_visible()

    covered = page.evaluate(
        """() => [...document.querySelectorAll("input, select, button")].filter((node) => {
            if (!node.checkVisibility() || node.closest(".message, .card")) return false;
            const { left, top, width, height } = node.getBoundingClientRect();
            const over = document.elementFromPoint(left + width / 2, top + height / 2);
            return over?.closest("#messages") !== null && over !== null;
        }).map((node) => node.outerHTML.slice(0, 80))"""
    )
    assert covered == []
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
@pytest.mark.parametrize("name", STATES)
def test_every_state__has_no_violation(chromium, name, size, scheme):
    page = open_at(chromium, name, size, scheme)

    assert violations(page) == {}
    page.close()
