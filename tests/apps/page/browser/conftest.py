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

import pytest

ROOT = Path(__file__).parents[4]
PAGE = ROOT / "metaadapter" / "apps" / "page" / "static"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",  # the camera is allowed without a question
]
ORIGIN = "http://127.0.0.1"  # of pages whose files a test hands over itself


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
