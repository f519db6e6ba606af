"""The page for everyone: axe-core in every state, and walks by keyboard and accessibility tree."""

from __future__ import annotations

import pytest

from tests.apps.page.browser.conftest import open_at, violations
from tools.page_screenshots import states

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow
# State → what has the focus when its dialog opens.
DIALOGS = {
    "picker": "dialog input",
    "large": "dialog",
    "keys": "dialog",
    "history": "#own-name",
    "download": "dialog .things :is(a, button) >> nth=0",
    "projects": "#project-name",
    "boxes": "dialog .frame-box >> nth=0",
    "counts": "#series",
    "camera": "dialog .shoot",
}
KEYS_OF_BOTH = ("Enter", "1–9", "0", "C", "/", "B", "Del", "Backspace", "V", "Ctrl+Z", "?")
DESCRIPTION = """node =>
    document.getElementById(node.getAttribute("aria-describedby")).textContent"""


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


def test_keys__are_all_listed_from_the_tray_its_tools_and_an_enlarged_picture(sent):
    page, labels = sent
    listed = page.get_by_role("dialog", name="Keys")
    assert page.locator("#tray").evaluate(DESCRIPTION) == "Press ? for the keys."
    page.keyboard.press("?")
    tray, enlarged = (listed.locator("ul").nth(n).locator("kbd").all_inner_texts() for n in (0, 1))
    assert {*KEYS_OF_BOTH, "PgUp", "Home", "Space", "Shift+→", "A", "Ctrl+A", "Esc"} <= {*tray}
    assert {*KEYS_OF_BOTH, "←", "→", "Esc"} <= {*enlarged}
    page.keyboard.press("1")  # the tray does nothing behind a dialog
    page.keyboard.press("Escape")
    has_focus(page, "#tray")

    page.get_by_role("button", name="Keys").click()
    page.keyboard.press("Escape")
    page.keyboard.press("v")
    page.keyboard.press("?")
    expect(listed).to_be_visible()
    page.keyboard.press("Escape")
    expect(listed).to_have_count(0)
    has_focus(page, "dialog.picture-dialog")
    page.keyboard.press("Escape")
    page.locator("#filters .filter").nth(1).click()
    expect(page.locator(".card")).to_have_count(0)
    page.keyboard.press("?")  # a tray without pictures
    expect(listed).to_be_visible()
    assert labels == []


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


@pytest.mark.parametrize("name", [*DIALOGS])
def test_focus__when_a_dialog_opens__is_on_what_a_person_needs(chromium, name):
    page = open_at(chromium, name)

    expect(page.locator("dialog:focus, dialog :focus")).to_have_count(1)
    assert page.locator(DIALOGS[name]).evaluate("node => node === document.activeElement")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
@pytest.mark.parametrize("name", states())
def test_every_state__has_no_violation_and_one_heading(chromium, name, size, scheme):
    page = open_at(chromium, name, size, scheme)

    assert violations(page) == {}
    assert page.locator("h1:visible").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()
