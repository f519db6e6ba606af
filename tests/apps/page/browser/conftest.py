"""A real Chromium for the tests of the page; they are skipped where there is none."""

from __future__ import annotations

import contextlib
import mimetypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tools.page_screenshots import SIZES, open_state, states

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "metaadapter" / "apps" / "page" / "static"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",  # the camera is allowed without a question
]
ORIGIN = "http://127.0.0.1"  # of pages whose files a test hands over itself
DEMO = ROOT / "metaadapter" / "assets" / "demo" / "pictures"
MAX_FILES = 50  # of a request
MINUTES = 120_000  # milliseconds: a busy machine takes long to open the first project
WINDOW = {"width": 1280, "height": 800}
PHONE = {"width": 375, "height": 740}
# Rules beyond those of WCAG 2.2 AA and best practice, which axe-core runs only when asked.
RULES = {"label-content-name-mismatch": {"enabled": True}, "target-size": {"enabled": True}}


@pytest.fixture(scope="module")
def launch():
    """Starts a browser without windows; closed with the module, for it keeps an event loop."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    playwright.expect.set_options(timeout=60_000)  # a busy machine is slow, not wrong
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip(f"needs a Chromium on PATH: one of {', '.join(NAMES)}")
    with playwright.sync_playwright() as driver:
        yield lambda *arguments: driver.chromium.launch(
            executable_path=path, args=[*ARGUMENTS, *arguments]
        )


@pytest.fixture(scope="module")
def chromium(launch):
    """A browser whose camera shows a test picture."""
    browser = launch("--use-fake-device-for-media-stream")
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def hand_over():
    """Answers a browser's request with a file of the page; returns whether there is one."""

    def hand(route, name=None):
        file = PAGE / (name or route.request.url.removeprefix(f"{ORIGIN}/page/"))
        if not file.is_file():
            return False
        kind = "text/javascript" if file.suffix == ".js" else mimetypes.guess_type(file)[0]
        route.fulfill(body=file.read_bytes(), content_type=kind)
        return True

    return hand


@pytest.fixture(scope="module")
def modules(chromium, hand_over):
    """An empty document in which the modules of the page can be imported, without a server."""

    def answer(route):
        if not hand_over(route):
            route.fulfill(body="<!doctype html><title>empty</title>", content_type="text/html")

    document = chromium.new_page(locale="en-GB")
    document.route("**/*", answer)
    document.goto(f"{ORIGIN}/empty")
    yield document
    document.close()


@pytest.fixture(scope="module")
def serving(tmp_path_factory):
    """Starts `python ARGUMENTS… PROJECT OPTIONS…` and returns the addresses that it prints.

    They are complete with the line that has `last` in it. The servers end with the module.
    """
    with contextlib.ExitStack() as servers:

        def start(*arguments, options=(), last):
            home = tmp_path_factory.mktemp("home")
            server = servers.enter_context(
                subprocess.Popen(
                    [sys.executable, *arguments, "serve", str(home / "first"), *options],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    cwd=ROOT,
                    env={**os.environ, "HOME": str(home)},
                )
            )
            servers.callback(server.terminate)
            printed = ""
            for line in server.stdout:
                printed += line
                if last in line:
                    return re.findall(r"http://127\.0\.0\.1:\d+/\?token=\S+", printed)
            pytest.fail(f"the server ended:\n{printed}")

        yield start


@pytest.fixture(scope="module")
def address(serving):
    """The address of a server that runs until the tests are over."""
    (address,) = serving("-m", "metaadapter", options=("--port", "0"), last="?token=")
    return address


@pytest.fixture
def visit(chromium, address, request):
    """Opens a new project with these files in its classes or tray, in a browser of its own.

    Files are pairs of a name, with the folder that is its class, and content. The pages of the
    browser must make no error.
    """
    contexts, faults = [], []

    def open_in(browser=chromium, files=(), *, address=address, locale="en-GB", viewport=WINDOW):
        context = browser.new_context(locale=locale, viewport=viewport)
        contexts.append(context)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        # The browser hands its file dialogs over only while somebody listens: from the start.
        context.on("page", lambda page: page.on("filechooser", lambda _: None))
        assert context.request.get(address, timeout=MINUTES).ok
        origin = address.split("/?")[0]
        name = f"{request.node.name} {len(contexts)}"
        new = context.request.post(f"{origin}/projects", data={"name": name}, timeout=MINUTES)
        assert new.ok, new.text()
        upload(context, origin, files)
        return context

    yield open_in
    for context in contexts:
        context.close()
    assert faults == []


def upload(context, origin, files, target="folders"):
    """Add pairs of name and content."""
    for start in range(0, len(files), MAX_FILES):
        portion = [("pictures", file) for file in files[start : start + MAX_FILES]]
        form = httpx.Request("POST", origin, files=portion, data={"class": target})
        head = {"Content-Type": form.headers["Content-Type"]}
        sent = context.request.post(
            f"{origin}/pictures", data=form.read(), headers=head, timeout=MINUTES
        )
        assert sent.ok, sent.text()


def of_class(label, part=slice(0, 3)):
    """Pictures of the demo in the folder of their class, as pairs of name and content."""
    paths = sorted((DEMO / label).glob("*.jpg"))[part]
    return [(f"{label}/{path.name}", path.read_bytes()) for path in paths]


def choose(page, button, *files):
    """Choose files in the dialog that a button of this name opens."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button, exact=True).click()
    chooser.value.set_files(files)


def project_kept(page):
    """The project as the server has it."""
    return page.evaluate("fetch('/project').then((response) => response.json())")


def open_at(chromium, name, size="desk", scheme="light"):
    """The page in a state of `tools/page_screenshots.py`, without a server."""
    given, act = states()[name]
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    return open_state(chromium, given, act, viewport=viewport, color_scheme=scheme)


def violations(page):
    """The violations that axe-core reports: rules with their elements."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core")
    found = axe.Axe().run(page, options={"rules": RULES}).response["violations"]
    return {rule["id"]: [node["html"][:160] for node in rule["nodes"][:3]] for rule in found}
