"""The page for any web host: its folder, and in a real browser its answers."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from metaadapter.adapter.files import load_adapter
from metaadapter.apps.cli.app import main
from metaadapter.apps.export.exporting import SCHEMA
from metaadapter.apps.export.web_page import (
    RUNTIME,
    fixed_contents,
    require_web_folder,
    write_web_page,
)
from metaadapter.data.reader import DEMO
from metaadapter.errors import DataError
from metaadapter.workflow.prediction.predictions import NONE_OF_THESE, predict_pictures
from metaadapter.workflow.prediction.queries import load_adapter_encoder
from metaadapter.workflow.prediction.query_parts import read_queries

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MINUTES = 3 * 60_000


def test_web_page__folder__has_the_page_model_facts_and_runtime(tmp_path):
    folder = tmp_path / "site"

    n_bytes = write_web_page(folder, b"a model", {"classes": ["a", "b"]})

    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
    assert {"index.html", "app.js", "style.css", "model.onnx", "adapter.json"} < files.keys()
    assert sum(path.stat().st_size for path in files.values()) == n_bytes
    assert json.loads(files["adapter.json"].read_text()) == {"classes": ["a", "b"]}
    assert "runtime/LICENSE.txt" in files


def test_web_page__runtime__is_what_its_card_says():
    card = (RUNTIME / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w.-]+)`.*\| ([\d,]+) \| `(\w{64})` \|$", card, re.MULTILINE)
    contents = fixed_contents()

    assert {f"runtime/{name}" for name, _, _ in rows} | {"runtime/LICENSE.txt"} == {
        name for name in contents if name.startswith("runtime/")
    }
    for name, n_bytes, sha256 in rows:
        content = contents[f"runtime/{name}"]
        assert f"{len(content):,}" == n_bytes
        assert hashlib.sha256(content).hexdigest() == sha256
    assert f"/runtime/{rows[0][0]}" in contents["app.js"].decode()


def test_web_page__written_again__replaces_its_own_and_nothing_else(tmp_path):
    write_web_page(tmp_path / "site", b"a model", {"schema": SCHEMA})
    require_web_folder(tmp_path / "site")

    (tmp_path / "another file").touch()
    with pytest.raises(DataError, match=r"holds other files.*give --web an empty or new folder"):
        require_web_folder(tmp_path)


def test_web_page__page__asks_no_other_host():
    text = "".join(path.read_text("utf-8") for path in (Path(DEMO).parents[1] / "web").iterdir())

    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not CHROMIUM, reason="there is no chromium")
@pytest.mark.parametrize("kind", ["one label", "several labels", NONE_OF_THESE])
def test_web_page__in_chromium__answers_as_predict_does(tmp_path, kind):
    sync_api = pytest.importorskip("playwright.sync_api")
    adapter, site, photos = tmp_path / "clothes", tmp_path / "site", tmp_path / "photos"
    shutil.copytree(DEMO, photos)
    if kind == NONE_OF_THESE:
        (photos / "hat").rename(photos / kind)
    made = ["adapt", str(photos), "--out", str(adapter), "--encoder", "tiny-128"]
    assert main([*made, *(["--several"] if kind == "several labels" else [])]) == 0
    assert main(["export", str(adapter), "--web", str(site)]) == 0
    pictures = [path for label in ("hat", "shoes") for path in (DEMO / label).iterdir()]
    stored = load_adapter(adapter, several=True)
    encoder = load_adapter_encoder(adapter, stored, None, "cpu", "fp32")
    (read,) = read_queries(pictures, stored.config, lambda: encoder)
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
        label = expected[name].label.replace(";", ", ")
        is_other = expected[name].unfamiliar and label != NONE_OF_THESE
        assert answer == (f"{NONE_OF_THESE}, or else {label}" if is_other else label)
    if kind == NONE_OF_THESE:
        assert kind in {answer for _, answer, _ in shown}
    assert {url.split("/")[2] for url in urls if "://" in url and not url.startswith("blob:")} == {
        f"127.0.0.1:{server.server_port}"
    }
