"""A web page that labels pictures in the browser with an adapter, as a folder for any host."""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from metaadapter.files.output_folder import replace_file, require_own_or_empty, write_errors
from metaadapter.files.strict_json import json_text

ASSETS = Path(__file__).parents[2] / "assets"
PAGE, RUNTIME = ASSETS / "web", ASSETS / "onnxruntime_web"
COLOURS = ASSETS.parent / "apps" / "page" / "static" / "colours.css"
FACTS_FILE, MODEL_FILE, START_FILE = "adapter.json", "model.onnx", "index.html"


def require_web_folder(folder: Path) -> None:
    """Raise a `DataError` if a folder holds files other than those of an exported page."""
    if folder.exists():
        require_own_or_empty(
            folder,
            (FACTS_FILE,),
            "page of an adapter",
            instead="give --web an empty or new folder",
        )


def write_web_page(folder: Path, model: bytes, facts: Mapping[str, Any]) -> int:
    """Write the page, its ONNX file and the runtime; return the number of bytes."""
    contents = page_contents(model, facts)
    with write_errors(f"the page {folder}", instead="choose another folder"):
        (folder / "runtime").mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            replace_file(folder / name, content)
    return sum(map(len, contents.values()))


def page_contents(model: bytes, facts: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of the page by their paths in its folder, in the order to write them."""
    return {
        FACTS_FILE: json_text(facts, indent=2).encode(),
        MODEL_FILE: model,
        **fixed_contents(),
    }


@cache
def fixed_contents() -> Mapping[str, bytes]:
    """The files that are the same for every adapter: the runtime, then the page."""
    contents = {}
    for path in RUNTIME.iterdir():
        if path.suffix == ".xz":
            contents[f"runtime/{path.stem}"] = lzma.decompress(path.read_bytes())
        elif path.name != "README.md":
            contents[f"runtime/{path.name}"] = path.read_bytes()
    for path in sorted([COLOURS, *PAGE.iterdir()], key=lambda path: path.name == START_FILE):
        contents[path.name] = path.read_bytes()
    return contents
