"""Two hundred pictures of twenty classes, sorted by keys alone from a tray of two thousand."""

from __future__ import annotations

from collections import Counter

import pytest

from tools.page_sorting import (
    KINDS,
    STRANGER,
    begin,
    draw_tray,
    kind_of,
    labels_of,
    sort_by_keys,
)

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

N, N_SORTED = 2000, 200
PATIENCE = 300_000  # milliseconds for an upload on a machine that does other things


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return draw_tray(tmp_path_factory.mktemp("drawn"), N)


@pytest.fixture
def page(chromium, address):
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.request.get(address)
    projects = f"{address.split('?')[0]}projects"
    made = context.request.post(projects, data={"name": "by keys"}, timeout=PATIENCE)
    assert made.ok, made.text()
    document = context.new_page()
    faults = []
    document.on("pageerror", lambda error: faults.append(str(error)))
    document.goto(address)
    document.wait_for_selector("body[data-state=welcome]")
    yield document
    context.close()
    assert faults == []


@pytest.mark.timeout(900)
def test_200_pictures__are_sorted_by_keys_in_one_go(page, files):
    begin(page)
    with page.expect_file_chooser() as chooser:
        page.focus("#add-pictures")
        page.keyboard.press("Enter")
    chooser.value.set_files(files)
    expect(page.locator("#tray-count")).to_have_text(f"{N:,}", timeout=PATIENCE)

    keys = Counter(key for _, key in sort_by_keys(page, N_SORTED))

    expect(page.locator("#tray-count")).to_have_text(f"{N - N_SORTED:,}")
    expect(page.locator("#saved")).to_have_text("Saved", timeout=PATIENCE)
    labels = labels_of(page.evaluate("fetch('/project').then((response) => response.json())"))
    assert len(labels) == N_SORTED
    assert {file: kind_of(file) for file in labels} == labels
    assert set(labels.values()) == {*KINDS, STRANGER}
    assert keys["0"] + keys["Enter"] > 0
    assert keys["c"] >= len(KINDS) - 9  # the classes without a number of their own
