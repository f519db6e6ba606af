"""The page for any web host: its folder, and in a real browser its answers."""

from __future__ import annotations

import functools
import json
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.apps.cli.app import main
from metaadapter.apps.export.checks import DEMO_PICTURES
from metaadapter.apps.export.web_page import (
    RUNTIME_FILES,
    write_web_page,
)
from metaadapter.workflow.predictions import predict_pictures
from metaadapter.workflow.queries import load_adapter_encoder, read_queries

# Where the unpacked npm package is, for it is too large to come along.
PACKAGE = os.environ.get("ONNXRUNTIME_WEB", "")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MINUTES = 3 * 60_000


@pytest.fixture
def package(tmp_path):
    """A folder with the files of the package that are needed, without their content."""
    for name in RUNTIME_FILES:
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"the file {name}")
    return tmp_path / "package"


def test_web_page__folder__has_the_page_model_facts_and_runtime(package, tmp_path):
    folder = tmp_path / "site"

    n_bytes = write_web_page(folder, b"a model", {"classes": ["a", "b"]}, package)

    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
    assert {"index.html", "app.js", "style.css", "model.onnx", "adapter.json"} < files.keys()
    assert sum(path.stat().st_size for path in files.values()) == n_bytes
    assert json.loads(files["adapter.json"].read_text()) == {"classes": ["a", "b"]}
    for name in RUNTIME_FILES:
        assert files[f"runtime/{Path(name).name}"].read_text() == f"the file {name}"


def test_web_page__page__asks_no_other_host():
    text = "".join(
        path.read_text("utf-8") for path in (Path(DEMO_PICTURES).parents[1] / "web").iterdir()
    )

    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not PACKAGE, reason="ONNXRUNTIME_WEB names no unpacked onnxruntime-web")
@pytest.mark.skipif(not CHROMIUM, reason="there is no chromium")
@pytest.mark.parametrize("kind", [[], ["--several"]], ids=["one label", "several labels"])
def test_web_page__in_chromium__answers_as_predict_does(tmp_path, kind):
    sync_api = pytest.importorskip("playwright.sync_api")
    adapter, site = tmp_path / "clothes", tmp_path / "site"
    made = ["adapt", str(DEMO_PICTURES), "--out", str(adapter), "--shots", "2", *kind]
    assert main([*made, "--encoder", "tiny-128"]) == 0
    assert main(["export", str(adapter), "--web", str(site), "--runtime", PACKAGE]) == 0
    pictures = [path for label in ("hat", "shoes") for path in (DEMO_PICTURES / label).iterdir()]
    stored = load_adapter(adapter, several=True)
    encoder = load_adapter_encoder(adapter, stored, None, "cpu", "fp32")
    (read,) = read_queries(pictures, stored.config, lambda: encoder, progress=lambda _: None)
    expected = {Path(one.path).name: one for one in predict_pictures(stored, read)}

    handler = functools.partial(SimpleHTTPRequestHandler, directory=site)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    with server, sync_api.sync_playwright() as driver:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, urls = browser.new_page(), []
        page.on("request", lambda request: urls.append(request.url))
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.locator("#pictures:enabled").wait_for(state="attached", timeout=MINUTES)
        page.set_input_files("#pictures", pictures)
        last = page.locator("#answers li").nth(len(pictures) - 1)
        last.wait_for(timeout=MINUTES)
        shown = page.eval_on_selector_all(
            "#answers li",
            "items => items.map(item => [item.querySelector('.file').textContent, "
            "item.querySelector('h2').textContent, JSON.parse(item.dataset.shares)])",
        )
        browser.close()
        server.shutdown()

    assert len(shown) == len(expected) == len(pictures)
    for name, answer, shares in shown:
        # The browser decodes JPEG by itself, one step of a colour beside ours here and there.
        assert np.abs(np.array(shares) - [*expected[name].probabilities.values()]).max() < 0.01
        if kind:
            assert answer == expected[name].label.replace(";", ", ")
            continue
        assert expected[name].label in answer
        assert answer.startswith("none of these") == expected[name].unfamiliar
    assert {url.split("/")[2] for url in urls if "://" in url and not url.startswith("blob:")} == {
        f"127.0.0.1:{server.server_port}"
    }
