"""A web page that labels pictures in the browser with an adapter, as a folder for any host."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metaadapter.data.output_folder import replace_file, require_own_or_empty, write_errors
from metaadapter.data.regular_files import is_regular
from metaadapter.data.strict_json import json_text
from metaadapter.errors import UsageError

PAGE = Path(__file__).parents[2] / "assets" / "web"
FACTS_FILE, MODEL_FILE, START_FILE = "adapter.json", "model.onnx", "index.html"
# The build for the CPU; the other builds of the package are for graphics cards.
RUNTIME_FILES = (
    "package.json",
    "dist/ort.wasm.min.mjs",
    "dist/ort-wasm-simd-threaded.mjs",
    "dist/ort-wasm-simd-threaded.wasm",
)


def require_runtime(package: Path) -> None:
    """Raise a `UsageError` if a folder is not the unpacked package onnxruntime-web."""
    if missing := [name for name in RUNTIME_FILES if not is_regular(package / name)]:
        raise UsageError(
            f"{package} is not the package onnxruntime-web: it has no {missing[0]}. Download it "
            "with `npm pack onnxruntime-web`, unpack it with `tar xzf onnxruntime-web-*.tgz`, and "
            "give --runtime package"
        )


def require_web_folder(folder: Path) -> None:
    """Raise a `DataError` if a folder holds files other than those of an exported page."""
    if folder.exists():
        require_own_or_empty(
            folder,
            (FACTS_FILE,),
            "page of an adapter",
            instead="give --web an empty or new folder",
        )


def write_web_page(folder: Path, model: bytes, facts: Mapping[str, Any], package: Path) -> int:
    """Write the page, its ONNX file and the package's runtime; return the number of bytes."""
    contents = page_contents(model, facts, package)
    with write_errors(f"the page {folder}", instead="choose another folder"):
        (folder / "runtime").mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            replace_file(folder / name, content)
    return sum(map(len, contents.values()))


def page_contents(model: bytes, facts: Mapping[str, Any], package: Path) -> dict[str, bytes]:
    """The files of the page by their paths in its folder, in the order to write them."""
    contents: dict[str, bytes] = {FACTS_FILE: json_text(facts, indent=2).encode()}
    contents |= {
        f"runtime/{Path(name).name}": (package / name).read_bytes() for name in RUNTIME_FILES
    }
    contents[MODEL_FILE] = model
    for path in sorted(PAGE.iterdir(), key=lambda path: path.name == START_FILE):
        contents[path.name] = path.read_bytes()
    return contents


def runtime_bytes(package: Path) -> int:
    """The size of the files that a page takes from the package."""
    return sum((package / name).stat().st_size for name in RUNTIME_FILES)
