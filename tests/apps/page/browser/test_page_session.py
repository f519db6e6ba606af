"""A project in a real Chromium whose server ends and starts, and that two people have open."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.apps.page.browser.conftest import ROOT, WINDOW, of_class, upload

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.slow

LABELS = ("hat", "shoes")
N_SHOTS, N_TRAY = 2, 12
TIMEOUT = 60_000


class Server:
    """`metaadapter serve` in a process that can be killed and started again."""

    def __init__(self, home):
        self.home, self.address, self.printed = home, "", ""
        self._process = None

    def start(self, *options):
        """Start the server, and wait for its address."""
        command = [sys.executable, "-m", "metaadapter", "serve", str(self.home / "project")]
        self._process = subprocess.Popen(
            [*command, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "HOME": str(self.home), "XDG_STATE_HOME": str(self.home / "state")},
        )
        self.address = self._process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=\S+", self.address), self.address

    def kill(self):
        self._process.kill()
        self.printed = self._process.communicate()[1]

    @property
    def origin(self):
        return self.address.split("/?")[0]


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill()


def browse(chromium):
    context = chromium.new_context(viewport=WINDOW, locale="en-GB")
    context.set_default_timeout(TIMEOUT)
    return context


@pytest.fixture
def context(chromium, server):
    """A browser, and a project of two classes with examples and a tray."""
    context = browse(chromium)
    assert context.request.get(server.address, timeout=2 * TIMEOUT).ok
    upload(context, server.origin, of_classes(slice(0, N_SHOTS)))
    upload(context, server.origin, of_classes(slice(N_SHOTS, None))[:N_TRAY], "")
    yield context
    context.close()


def of_classes(part):
    return [file for label in LABELS for file in of_class(label, part)]


def opened(context, server):
    """The page with an answer for every picture of the tray."""
    page = context.new_page()
    page.goto(server.address)
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY), timeout=TIMEOUT)
    expect(page.locator(".card.unanswered, .card.stale")).to_have_count(0, timeout=TIMEOUT)
    page.wait_for_timeout(500)  # longer than a person needs to see the order of the answers
    return page


def current(page):
    """The name of the current picture, and whether it is in the window."""
    return page.evaluate(
        """() => {
            const tray = document.querySelector("#tray");
            const card = document.getElementById(tray.getAttribute("aria-activedescendant"));
            const box = card.getBoundingClientRect();
            const seen = box.top >= 0 && box.bottom <= innerHeight;
            return [card.title, seen && document.activeElement === tray];
        }"""
    )


def classes_kept(context, server):
    """Class → number of its pictures, as the server has them."""
    project = context.request.get(f"{server.origin}/project").json()
    return {one["name"]: len(one["pictures"]) for one in project["classes"]}


def wait_until_lost(page):
    expect(page.locator("#messages")).to_contain_text(
        "metaadapter does not respond", timeout=TIMEOUT
    )


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def test_server__killed_while_pictures_are_sorted__is_found_again_and_gets_all(context, server):
    page = opened(context, server)
    page.evaluate("window.isTheSamePage = true")
    page.wait_for_timeout(500)  # keys count once the order of the pictures can be seen
    page.focus("#tray")
    page.keyboard.press("1")
    expect(page.locator("#saved")).to_have_text("Saved")
    server.kill()

    page.keyboard.press("1")
    page.keyboard.press("2")
    page.keyboard.press("2")
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY - 4))
    expect(page.locator("#saved")).to_have_text("3 changes are not saved yet")
    wait_until_lost(page)
    expect(page.locator("#opening")).to_be_hidden()
    page.get_by_label("Name of a new class").fill("dress")
    page.keyboard.press("Enter")
    expect(page.locator(".class")).to_have_count(3)
    page.focus("#tray")
    page.keyboard.press("3")
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY - 5))
    expect(page.locator("#saved")).to_have_text("5 changes are not saved yet")
    server.start()

    expect(page.locator("#saved")).to_have_text("Saved", timeout=TIMEOUT)
    expect(page.locator("#messages")).to_contain_text("5 changes that had waited are saved now.")
    expect(page.locator("#messages .error")).to_have_count(0)
    assert page.evaluate("window.isTheSamePage")
    assert context.request.get(server.address, timeout=2 * TIMEOUT).ok
    assert classes_kept(context, server) == {"hat": N_SHOTS + 2, "shoes": N_SHOTS + 2, "dress": 1}
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(page.locator("#class-list")).not_to_contain_text("dress")


def test_changes__kept_at_another_port__are_saved_when_the_project_is_there_again(context, server):
    page, former = opened(context, server), server.origin.rpartition(":")[2]
    server.kill()
    page.focus("#tray")
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(page.locator("#saved")).to_have_text("2 changes are not saved yet")
    page.close()
    server.start("--port", str(free_port()))
    server.kill()
    assert f"--port {former}" in server.printed
    server.start("--port", former)

    again = context.new_page()
    again.goto(server.address)
    expect(again.locator("#messages")).to_contain_text(
        "2 changes that had waited are saved now.", timeout=TIMEOUT
    )
    expect(again.locator("#tray-count")).to_have_text(str(N_TRAY - 2))
    assert classes_kept(context, server) == {"hat": N_SHOTS + 1, "shoes": N_SHOTS + 1}


def person(chromium, server, name):
    """The page of a person who has given a name, in a browser of her own."""
    page = opened(browse(chromium), server)
    page.get_by_role("button", name="History", exact=True).click()
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Escape")
    return page


def test_two_people__see_what_the_other_does_and_nobody_loses_a_change(chromium, context, server):
    anna, ben = (person(chromium, server, name) for name in ("Anna", "Ben"))
    for page in (anna, ben):
        page.focus("#tray")
    name, _ = current(anna)

    anna.keyboard.press("1")
    expect(ben.locator("#tray-count")).to_have_text(str(N_TRAY - 1))  # within two seconds
    ben.wait_for_timeout(500)  # another picture is the first one now: he looks at it
    ben.keyboard.press("1")
    expect(anna.locator("#tray-count")).to_have_text(str(N_TRAY - 2))

    # Ben takes the picture that Anna has sorted, while she sorts another one.
    project = context.request.get(f"{server.origin}/project").json()
    (key,) = [key for key, other in project["names"].items() if other.endswith(name)]
    shoes = next(one["id"] for one in project["classes"] if one["name"] == "shoes")
    ben.evaluate(
        """([key, shoes]) => fetch("/labels", {
            method: "POST",
            headers: {"Content-Type": "application/json", "Metaadapter-Author": "Ben"},
            body: JSON.stringify({labels: {[key]: shoes}}),
        })""",
        [key, shoes],
    )
    anna.keyboard.press("2")

    expect(anna.locator("#messages .error")).to_contain_text(
        "Ben has sorted a picture differently that you had sorted: Put 1 picture into shoes."
    )
    expect(anna.locator("#tray-count")).to_have_text(str(N_TRAY - 3))
    kept = classes_kept(context, server)
    assert kept == {"hat": N_SHOTS + 1, "shoes": N_SHOTS + 2}
    expect(ben.locator("#messages .error")).to_have_count(0)
    ben.get_by_role("button", name="History", exact=True).click()
    steps = ben.locator("ol.history li")
    expect(steps.nth(0)).to_contain_text("Anna: Put 1 picture into shoes")
    expect(steps.nth(1)).to_contain_text("Ben: Put 1 picture into shoes")
    expect(steps.nth(2)).to_contain_text("Ben: Put 1 picture into hat")
    for page in (anna, ben):
        page.context.close()


def test_damaged_history__is_told_in_the_browser_and_repaired_there(context, server):
    server.kill()
    history = server.home / "project" / "history.db"
    with closing(sqlite3.connect(history)) as connection, connection:
        connection.execute(
            "INSERT INTO records SELECT number + 1, kind, key, value, digest FROM records "
            "ORDER BY number DESC LIMIT 1"
        )
    damaged = history.read_bytes()
    server.start()
    page = context.new_page()
    page.goto(server.address)

    expect(page.locator("#opening-text")).to_contain_text("history.db is damaged")
    expect(page.locator("#messages")).to_have_text("")
    page.get_by_role("button", name="Repair").click()

    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY), timeout=TIMEOUT)
    expect(page.locator("#opening")).to_be_hidden()
    expect(page.locator("#messages")).to_contain_text("were whole and are kept")
    assert (server.home / "project" / "leftovers" / "history.db").read_bytes() == damaged


def test_start__is_shown_without_an_error_in_the_console(context, server):
    server.kill()
    server.start()
    page, errors = context.new_page(), []
    page.on("console", lambda one: one.type == "error" and errors.append(one.text))
    page.goto(server.address)

    expect(page.locator("#opening-text")).to_have_text(re.compile("\\w"))
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY), timeout=TIMEOUT)
    assert errors == []


def test_damaged_pictures__have_a_filter_from_which_they_are_removed(context, server):
    project = context.request.get(f"{server.origin}/project").json()
    damaged = [project["classes"][0]["pictures"][0], project["tray"][0]]
    server.kill()
    for picture in damaged:
        (server.home / "project" / "pictures" / picture).unlink()
    server.start()
    page = context.new_page()
    page.goto(server.address)
    button = page.locator("#filters").get_by_role("button", name="Damaged")
    expect(page.locator("#messages")).to_contain_text("the filter Damaged")

    button.click()
    expect(page.locator("#tray .card")).to_have_count(len(damaged))
    page.get_by_role("button", name="Select all").first.click()
    page.keyboard.press("Delete")

    expect(button).to_be_hidden()
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY - 1))
    assert sum(classes_kept(context, server).values()) == len(LABELS) * N_SHOTS - 1


def test_second_server__on_a_project__says_why_it_does_not_open_and_opens_another(context, server):
    second = Server(server.home)
    second.start()
    try:
        page = context.new_page()
        page.goto(second.address)
        expect(page.locator("#opening-text")).to_contain_text(
            "Another run is writing to the project"
        )
        page.get_by_role("button", name="Try again").click()
        expect(page.locator("#opening-text")).to_contain_text(
            "Another run is writing to the project"
        )
        page.get_by_role("button", name="Open another project").click()
        page.get_by_label("Name of a new project").fill("other")
        page.get_by_role("button", name="Create", exact=True).click()
        expect(page.locator("#project")).to_have_text("other", timeout=TIMEOUT)
        expect(page.locator("#opening")).to_be_hidden()
    finally:
        second.kill()
