"""Random names of classes and files, in everything that the program writes."""

from __future__ import annotations

import json
import shutil
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.robustness.forked import preloaded_encoder, run_forked
from benchmarks.robustness.trial import Verdict

BLOCKS = (
    *("heron", "é", "e\u0301", "ß", "狐", "🦊", "\u202e", "\u200d", "\ufeff", "\udcff", "\x1b[31m"),
    *(" ", "\n", "\r", "\t", "\x07", "\x85", "\u2028", ".", ",", ";", ":", "-", "--"),
    *("'", '"', "`", "\\", "|", "*", "_", "#", "~", "%s", "%", "{}", "{{ 7*7 }}", "{% raw %}"),
    *("<b>", "</td>", "</script><script>alert(1)</script>", "<!--", "-->", "]]>", "&lt;", "&"),
    *('"><img src=x onerror=alert(1)>', "<svg onload=alert(1)>", "[x](javascript:alert(1))"),
    *("=1+1", "@SUM(1)", "+1", "-1", "0", "1e5", "NA", "null", "None", "true", "nan", "a" * 60),
    *("http:", "$HOME", "$(id)", "~", "*", "?", "!", "[0]", "(", "=", "LABEL=NAME", "--help"),
)
MOST_BYTES = 180
N_CLASSES, N_PICTURES = 3, 4
EVALUATION = ("--methods=closed-form,zero-shot", "--shots=1", "--seeds=1", "--jobs=1")


class Names:
    """Encode a folder with random names, adapt, predict, evaluate and report."""

    KINDS = ("folder",)

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "work"
        self._prepare = preloaded_encoder()
        harmless = [f"name {number}" for number in range(N_CLASSES * (1 + N_PICTURES))]
        if fault := self._fault(harmless):
            raise RuntimeError(fault)
        self._elements = self._elements_now()

    def trial(self, _kind: str, rng: np.random.Generator) -> Verdict:
        names: list[str] = []
        while len(names) < N_CLASSES * (1 + N_PICTURES):
            blocks = rng.choice(BLOCKS, rng.integers(1, 5))
            name = unicodedata.normalize("NFC", "".join(blocks).replace("/", "").lstrip("."))
            is_new = name.strip() and name not in names  # an empty name is refused
            if is_new and len(name.encode(errors="replace")) < MOST_BYTES:
                names.append(name)
        fault = self._fault(names)
        if not fault and (foreign := self._elements_now() - self._elements):
            fault = f"foreign elements: {foreign}"
        return Verdict("another name" if fault else "as given", ascii(names), bool(fault), fault)

    def _fault(self, names: list[str]) -> str:
        """Run all commands with these names; return the fault, or "" if there is none."""
        shutil.rmtree(self._folder, ignore_errors=True)
        labels, rest = set(names[:N_CLASSES]), iter(names[N_CLASSES:])
        pictures = self._folder / "pictures"
        rng = np.random.default_rng(0)
        paths = set()
        for label in sorted(labels):
            (pictures / label).mkdir(parents=True)
            for _ in range(N_PICTURES):
                path = pictures / label / f"{next(rest)}.png"
                pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(path, "PNG")
                paths.add(str(path))
        store, adapter, run, report = (
            self._folder / name for name in ("store", "adapter", "run", "report")
        )
        encoded = self._run("encode", pictures, "--out", store)
        adapted = self._run("adapt", store, "--out", adapter)
        predicted = self._run("predict", adapter, pictures)
        evaluated = self._run("evaluate", store, "--out", run, *EVALUATION)
        reported = self._run("report", run, "--out", report)
        for document in (encoded, adapted, predicted, evaluated, reported):
            if isinstance(document, str):
                return document
        comparisons = {
            "the classes of the store": (set(encoded["counts"]), labels),
            "the classes of the adapter": (set(adapted["counts"]), labels),
            "the classes of predictions": (set(predicted["classes"]), labels),
            "the paths of predictions": ({row["path"] for row in predicted["predictions"]}, paths),
        }
        for what, (got, expected) in comparisons.items():
            if got != expected:
                return f"{what}: {got ^ expected!a}"
        return ""

    def _elements_now(self) -> set[tuple[str, ...]]:
        """The tags of the report's page, each with the names of its attributes."""
        parser = _Elements()
        parser.feed((self._folder / "report" / "report.html").read_text(encoding="utf-8"))
        return parser.elements

    def _run(self, *arguments: object) -> Any:
        """Run a command; return its JSON document, or its error as text."""
        ending = run_forked([*arguments, "--json"], self._folder, self._prepare)
        return str(ending) if ending.code else json.loads(ending.out)


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.elements: set[tuple[str, ...]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add((tag, *sorted(name for name, _ in attrs)))

    def handle_comment(self, data: str) -> None:
        self.elements.add(("comment", data[:30]))
