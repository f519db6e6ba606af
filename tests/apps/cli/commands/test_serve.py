"""`metaadapter serve`: what it prints, how it ends, and what it needs."""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import threading
import urllib.request
import webbrowser

import pytest

pytest.importorskip("uvicorn", reason="needs the extra serve")

from metaadapter.apps.page.project import read_facts


def test_serve__until_a_signal__answers_at_the_printed_address_and_keeps_the_project(
    run, encoder, tmp_path, monkeypatch
):
    seen = []
    redirect = tmp_path / "animals" / ".open.html"

    def browse(shown):
        assert shown == redirect.as_uri()
        assert redirect.stat().st_mode & 0o077 == 0  # other users cannot read the token
        (address,) = re.findall('href="([^"]*)"', redirect.read_text())
        seen.append(address)
        threading.Thread(target=ask_and_end, args=(address,)).start()

    def ask_and_end(address):
        try:
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            with browser.open(address, timeout=60) as page:
                seen.append(page.read())
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(webbrowser, "open", browse)
    done = run("serve", tmp_path / "animals", "--open", "--encoder", f"{encoder},device=cpu")

    assert done.code == 0, done.err
    assert "everything is saved" in done.err
    assert seen[0] == done.out.strip()
    assert done.out.startswith("http://127.0.0.1:")
    assert b"<!doctype html>" in seen[1].lower()
    assert not redirect.exists()
    assert read_facts(tmp_path / "animals").encoder == str(encoder)
    assert run("doctor", "--verify", tmp_path / "animals").code == 0


def test_folder__of_something_else__is_left_alone_and_the_page_says_so(run, labelled, monkeypatch):
    before, told = sorted(labelled.rglob("*")), []

    def ask_and_end(address):
        try:
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            browser.open(address, timeout=60).close()
            work = address.split("?")[0] + "work"
            while not told or told[-1]["kind"] == "opening":
                with browser.open(work, timeout=60) as answer:
                    told.append(json.load(answer))
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    def browse(shown):
        address = re.findall('href="([^"]*)"', (labelled / ".open.html").read_text())[0]
        threading.Thread(target=ask_and_end, args=(address,)).start()

    monkeypatch.setattr(webbrowser, "open", browse)
    done = run("serve", labelled, "--open")

    assert done.code == 3
    assert told[-1]["kind"] == "not-opened"
    assert "holds other files" in told[-1]["error"]
    assert sorted(labelled.rglob("*")) == before
    assert "holds other files" in done.err
    assert "no project; name a new folder for the project" in done.err


def test_packages__that_are_missing__are_named_with_the_extra(run, tmp_path, monkeypatch):
    real = importlib.import_module

    def without(name, *rest):
        if name == "fastapi":
            raise ImportError("No module named 'fastapi'")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)

    done = run("serve", tmp_path / "animals")

    assert done.code == 5
    assert "pip install 'metaadapter[serve]'" in done.err
    assert 'uv tool install ".[serve]"' in done.err
