"""A project in a real Chromium whose server ends and starts, and that two people have open."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
