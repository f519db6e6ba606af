"""A project in a real Chromium whose server ends and starts, and that two people have open."""

from __future__ import annotations

import http.server
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

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

ROOT = Path(__file__).parents[4]
DEMO = ROOT / "metaadapter" / "assets" / "demo" / "pictures"
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


@pytest.fixture
def context(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


def filled(context, server):
    """Two classes with examples and a tray, sent by a program."""
    assert context.request.get(server.address).ok
    shots = [path for label in LABELS for path in files_of(label)[:N_SHOTS]]
    upload(context, server, shots, "folders")
    others = [path for label in LABELS for path in files_of(label)[N_SHOTS:]]
    upload(context, server, others[:N_TRAY], "")


def files_of(label):
    return sorted((DEMO / label).glob("*.jpg"))


def upload(context, server, paths, target):
    form = context.request.fetch  # a form with several files of one name is written by hand
    boundary = "between-the-parts"
    parts = [f'Content-Disposition: form-data; name="class"\r\n\r\n{target}'.encode()]
    parts += [
        f'Content-Disposition: form-data; name="pictures"; filename="{path.parent.name}/'
        f'{path.name}"\r\nContent-Type: image/jpeg\r\n\r\n'.encode()
        + path.read_bytes()
        for path in paths
    ]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    answer = form(
        f"{server.origin}/pictures",
        method="POST",
        data=body + f"--{boundary}--\r\n".encode(),
        headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
    )
    assert answer.ok, answer.text()


def opened(context, server):
    """The page with an answer for every picture of the tray."""
    page = context.new_page()
    page.goto(server.address)
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY), timeout=TIMEOUT)
    expect(page.locator(".card.unanswered, .card.stale")).to_have_count(0, timeout=TIMEOUT)
    return page


def order_of(page):
    return page.locator(".card").evaluate_all("cards => cards.map((card) => card.title)")


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


def test_undo__puts_the_picture_back_to_its_place_and_shows_it(context, server):
    filled(context, server)
    page = opened(context, server)
    page.focus("#tray")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    name, _ = current(page)
    before = order_of(page)

    page.keyboard.press("1")
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY - 1))
    page.keyboard.press("2")
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY - 2))
    page.keyboard.press("Control+z")
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY - 1))
    page.keyboard.press("Control+z")
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY))

    assert order_of(page) == before
    assert current(page) == [name, True]


def wait_until_lost(page):
    expect(page.locator("#messages")).to_contain_text(
        "metaadapter does not respond", timeout=TIMEOUT
    )


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.mark.parametrize("port", ["the same", "another"])
def test_server__killed_while_pictures_are_sorted__is_found_again_and_gets_all(
    context, server, port
):
    filled(context, server)
    page = opened(context, server)
    page.evaluate("window.isTheSamePage = true")
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
    server.start(*(["--port", str(free_port())] if port == "another" else []))

    expect(page.locator("#saved")).to_have_text("Saved", timeout=TIMEOUT)
    expect(page.locator("#messages")).to_contain_text("5 changes that had waited are saved now.")
    expect(page.locator("#messages .error")).to_have_count(0)
    assert page.evaluate("window.isTheSamePage")
    assert context.request.get(server.address).ok
    assert classes_kept(context, server) == {"hat": N_SHOTS + 2, "shoes": N_SHOTS + 2, "dress": 1}
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    expect(page.locator("#class-list")).not_to_contain_text("dress")


class Stranger(http.server.BaseHTTPRequestHandler):
    """Another program, which has taken the port."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>something else</h1>")

    do_POST = do_GET

    def log_message(self, *_):
        pass


def test_port__that_another_program_took__is_said_and_used_again_once_it_is_free(context, server):
    filled(context, server)
    page, before = opened(context, server), server.address
    port = int(server.origin.rpartition(":")[2])
    server.kill()
    stranger = http.server.ThreadingHTTPServer(("127.0.0.1", port), Stranger)
    threading.Thread(target=stranger.serve_forever).start()
    try:
        page.focus("#tray")
        page.keyboard.press("1")
        expect(page.locator("#messages")).to_contain_text("Another program answers")
        expect(page.locator("#saved")).to_have_text("1 change is not saved yet")
        server.start()
        assert server.address.split("token=")[1] != before.split("token=")[1]
        other = context.new_page()
        other.goto(server.address)  # as the message says
        expect(other.locator("#tray-count")).to_have_text(str(N_TRAY), timeout=TIMEOUT)
    finally:
        stranger.shutdown()
        stranger.server_close()

    expect(page.locator("#saved")).to_have_text("Saved", timeout=TIMEOUT)
    expect(other.locator("#tray-count")).to_have_text(str(N_TRAY - 1), timeout=TIMEOUT)
    assert classes_kept(context, server)["hat"] == N_SHOTS + 1


def test_page__closed_while_the_server_is_away__warns_and_sends_its_changes_the_next_time(
    context, server
):
    filled(context, server)
    page = opened(context, server)
    server.kill()
    page.focus("#tray")
    page.keyboard.press("1")
    expect(page.locator("#saved")).to_have_text("1 change is not saved yet")
    page.keyboard.press("2")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.close(run_before_unload=True)
    expect(page.locator("#messages")).to_contain_text("This browser keeps them")
    assert asked == ["beforeunload"]
    page.close()
    server.start()

    again = context.new_page()
    again.goto(server.address)

    expect(again.locator("#messages")).to_contain_text(
        "2 changes that had waited are saved now.", timeout=TIMEOUT
    )
    expect(again.locator("#tray-count")).to_have_text(str(N_TRAY - 2))
    assert classes_kept(context, server) == {"hat": N_SHOTS + 1, "shoes": N_SHOTS + 1}
    again.reload()
    expect(again.locator("#tray-count")).to_have_text(str(N_TRAY - 2), timeout=TIMEOUT)
    assert (
        again.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('unsent'))") == []
    )


def test_changes__kept_at_another_port__are_told_and_saved_from_there(context, server):
    filled(context, server)
    page, former = opened(context, server), server.origin
    server.kill()
    page.focus("#tray")
    page.keyboard.press("1")
    page.keyboard.press("2")
    expect(page.locator("#saved")).to_have_text("2 changes are not saved yet")
    page.close()
    server.start("--port", str(free_port()))

    again = context.new_page()
    again.goto(server.address)
    line = again.locator("#left-elsewhere")
    expect(line).to_contain_text("2 changes of this project are not saved", timeout=TIMEOUT)
    expect(line).to_contain_text(f"--port {former.rpartition(':')[2]}")
    there = context.new_page()
    there.goto(server.address)
    there.locator("#left-elsewhere a").click()
    expect(there.locator("#messages")).to_contain_text(
        "2 changes that had waited are saved now.", timeout=TIMEOUT
    )

    assert there.url.startswith(former)
    expect(line).to_be_hidden()
    expect(again.locator("#tray-count")).to_have_text(str(N_TRAY - 2))
    assert classes_kept(context, server) == {"hat": N_SHOTS + 1, "shoes": N_SHOTS + 1}


def test_changes__of_a_tab_that_was_closed__are_sent_by_another_before_its_newer_ones(
    context, server
):
    filled(context, server)
    closed, page = opened(context, server), opened(context, server)
    server.kill()
    closed.bring_to_front()
    closed.focus("#tray")
    name = current(closed)[0]
    closed.keyboard.press("1")
    expect(closed.locator("#saved")).to_have_text("1 change is not saved yet")
    closed.close()
    page.focus("#tray")
    assert current(page)[0] == name
    page.keyboard.press("2")
    expect(page.locator("#saved")).to_have_text("1 change is not saved yet")
    server.start()

    expect(page.locator("#messages")).to_contain_text(
        "2 changes that had waited are saved now.", timeout=TIMEOUT
    )
    assert context.request.get(server.address).ok
    assert classes_kept(context, server) == {"hat": N_SHOTS, "shoes": N_SHOTS + 1}


def test_answer__that_is_lost__makes_no_edit_twice(context, server):
    filled(context, server)
    page = opened(context, server)
    lost = []

    def lose_first(route):
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    for path in ("labels", "undo"):
        page.route(f"**/{path}", lose_first)
    page.focus("#tray")
    page.keyboard.press("1")
    expect(page.locator("#saved")).to_have_text("Saved", timeout=TIMEOUT)
    page.keyboard.press("1")
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY - 2))
    expect(page.locator("#saved")).to_have_text("Saved", timeout=TIMEOUT)
    lost.clear()
    page.keyboard.press("Control+z")
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY - 1), timeout=TIMEOUT)
    expect(page.locator("#saved")).to_have_text("Saved", timeout=TIMEOUT)

    assert lost == [200]
    steps = context.request.get(f"{server.origin}/history").json()["steps"]
    assert [step["what"] for step in steps[:4]] == ["undo", "edit", "edit", "edit"]
    assert [step["kind"] for step in steps[1:4]] == ["sorted-pictures"] * 2 + ["added-pictures"]
    assert classes_kept(context, server)["hat"] == N_SHOTS + 1


def test_pictures__added_while_the_server_is_away__are_added_when_it_is_back(context, server):
    filled(context, server)
    page = opened(context, server)
    server.kill()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Add pictures", exact=True).click()
    chooser.value.set_files([str(path) for path in files_of("pants")[:2]])
    wait_until_lost(page)
    server.start()

    expect(page.locator("#messages")).to_contain_text("2 pictures added.", timeout=TIMEOUT)
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY + 2), timeout=TIMEOUT)


def person(chromium, server, name):
    """The page of a person who has given a name, in a browser of her own."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.set_default_timeout(TIMEOUT)
    page = opened(context, server)
    page.get_by_role("button", name="History", exact=True).click()
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Escape")
    return page


def test_two_people__see_what_the_other_does_and_nobody_loses_a_change(chromium, context, server):
    filled(context, server)
    anna, ben = (person(chromium, server, name) for name in ("Anna", "Ben"))
    for page in (anna, ben):
        page.focus("#tray")
    name, _ = current(anna)

    anna.keyboard.press("1")
    expect(ben.locator("#tray-count")).to_have_text(str(N_TRAY - 1))  # within two seconds
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


def test_page__is_there_while_the_project_is_opened(context, server):
    filled(context, server)
    server.kill()
    server.start()
    page = context.new_page()
    page.goto(server.address)

    expect(page.locator("#opening, #tray-count").first).to_be_visible()
    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY), timeout=TIMEOUT)
    expect(page.locator("#opening")).to_be_hidden()


def test_damaged_history__is_told_in_the_browser_and_repaired_there(context, server):
    filled(context, server)
    server.kill()
    history = server.home / "project" / "history.jsonl"
    damaged = history.read_bytes() + b"{}\n"
    history.write_bytes(damaged)
    server.start()
    page = context.new_page()
    page.goto(server.address)

    expect(page.locator("#opening-text")).to_contain_text("history.jsonl is damaged")
    expect(page.locator("#messages")).to_have_text("")
    page.get_by_role("button", name="Repair").click()

    expect(page.locator("#tray-count")).to_have_text(str(N_TRAY), timeout=TIMEOUT)
    expect(page.locator("#opening")).to_be_hidden()
    expect(page.locator("#messages")).to_contain_text("edits may be missing at the end")
    assert (server.home / "project" / "leftovers" / "history.jsonl").read_bytes() == damaged


def test_second_server__on_a_project__says_why_it_does_not_open_and_opens_another(context, server):
    filled(context, server)
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


def test_projects__are_renamed_and_deleted_into_a_folder_that_is_named(context, server):
    filled(context, server)
    page = opened(context, server)
    page.locator("#project").click()
    page.get_by_label("Name of this project").fill("Wear 2026")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.locator("#project")).to_have_text("Wear 2026")
    page.locator("#project").click()
    page.get_by_label("Name of a new project").fill("other")
    page.get_by_role("button", name="Create", exact=True).click()
    expect(page.locator("#project")).to_have_text("other", timeout=TIMEOUT)

    page.locator("#project").click()
    page.get_by_role("button", name="Delete: Wear 2026").click()
    assert (server.home / "project" / "project.json").exists()  # it asks first
    page.get_by_text("Delete Wear 2026: click again").click()

    place = server.home / "deleted projects" / "project"
    expect(page.locator("#messages")).to_contain_text(f"Its folder is now {place}")
    assert len(list((place / "pictures").iterdir())) == 2 * N_SHOTS + N_TRAY
    page.locator("#project").click()
    expect(page.get_by_role("dialog")).not_to_contain_text("Wear 2026")


@pytest.mark.timeout(1200)
def test_200_pictures_of_2000__sorted_by_keys_while_the_server_ends_twice__are_all_saved(
    context, server, tmp_path
):
    files = draw_tray(tmp_path / "drawn", 2000)
    page = context.new_page()
    page.goto(server.address)
    page.wait_for_selector("body[data-state=welcome]", timeout=TIMEOUT)
    page.evaluate("window.isTheSamePage = true")
    begin(page)
    for first in range(0, len(files), 200):  # one kind after the other, as they were drawn
        upload(context, server, files[first : first + 200], "")
    expect(page.locator("#tray-count")).to_have_text("2,000", timeout=10 * TIMEOUT)

    for n, _ in enumerate(sort_by_keys(page, 200), start=1):
        if n in (60, 130):
            server.kill()
        elif n == 80:  # by now a class has been made while nobody answered
            server.start("--port", str(free_port()))
        elif n == 150:
            server.start()

    expect(page.locator("#saved")).to_have_text("Saved", timeout=5 * TIMEOUT)
    expect(page.locator("#tray-count")).to_have_text("1,800")
    assert page.evaluate("window.isTheSamePage")
    assert context.request.get(server.address).ok
    labels = labels_of(context.request.get(f"{server.origin}/project").json())
    assert len(labels) == 200
    assert labels == {file: kind_of(file) for file in labels}
    assert set(labels.values()) == {*KINDS, STRANGER}


def test_order_and_minimum__are_remembered_also_after_the_project_is_renamed(context, server):
    filled(context, server)
    page = opened(context, server)
    page.locator("#order").select_option("certain")
    page.locator("#threshold-slider").fill("70")
    page.locator("#project").click()
    page.get_by_label("Name of this project").fill("Wear 2026")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(page.locator("#project")).to_have_text("Wear 2026")

    page.reload()

    expect(page.locator("#order")).to_have_value("certain", timeout=TIMEOUT)
    expect(page.locator("#threshold-slider")).to_have_value("70")
