"""`metaadapter serve` under hostile requests, and killed while it saves."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.robustness.hostile_requests import HOSTILE
from benchmarks.robustness.served import Answer, Served
from benchmarks.robustness.trial import Verdict
from metaadapter.apps.page.project import check_project
from metaadapter.features.encoders.encoder_by_name import load_encoder
from metaadapter.features.image_encoder import ImageEncoder

KILLS = "kills during saves"
# The server's memory may grow by at most this much, including the caches of libraries.
MOST_GROWTH = 400 * 2**20
# Long enough for a few edits.
LONGEST_LIFE = 1.5


class Serve:
    """Sends hostile requests to one server, one after the other, and kills other servers."""

    KINDS = (*HOSTILE, KILLS)

    def __init__(self, folder: Path, encoder: ImageEncoder | None = None) -> None:
        self._folder, self._encoder = folder, encoder or load_encoder("tiny", device="cpu")
        self._served: Served | None = None
        self._before: Any = None
        self._memory = 0
        self._killed = Killed(folder / "killed", self._encoder)

    def trial(self, kind: str, rng: np.random.Generator) -> Verdict:
        """Send one request and check that the server is unchanged, or kill one server."""
        if kind == KILLS:
            return self._killed.trial(rng)
        served = self._begun()
        try:
            what, answer = HOSTILE[kind](served, rng)
        except (OSError, HTTPException) as error:
            # A server may answer and close the connection before a long body is sent.
            what, answer = f"{kind}: the connection ended ({error!r})", None
        fault = _not_a_refusal(answer) or self._harm(served)
        outcome = "no answer" if answer is None else f"{answer.status}"
        return Verdict(outcome, what, failed=bool(fault), detail=fault)

    def close(self) -> None:
        """End the server."""
        if self._served is not None:
            self._served.kill()
            self._served = None

    def _begun(self) -> Served:
        if self._served is None:
            self._served = Served(self._folder / "asked", self._encoder)
            self._served.wait()
            assert self._served.tell("POST", "/classes", {"name": "fox"}).status == 201
            assert self._served.send([("a.png", a_picture(0))]).status == 202
            self._before = _project(self._served)
            self._memory = self._served.memory
        return self._served

    def _harm(self, served: Served) -> str:
        """The harm that a request did to the server; "" if it did none."""
        try:
            now = _project(served)
        except (OSError, HTTPException) as error:
            return f"the server does not answer any more: {error!r}"
        if now != self._before:
            return f"the project has changed: {now}"
        grown = served.memory - self._memory
        return f"its memory has grown by {grown:,} bytes" if grown > MOST_GROWTH else ""


def _project(served: Served) -> Any:
    project = served.ask("GET", "/project").json
    return {key: project[key] for key in ("name", "classes", "tray", "names", "saved")}


def _not_a_refusal(answer: Answer | None) -> str:
    """The fault in a response to a hostile request; "" if the response is a proper refusal."""
    if answer is None:
        return ""
    if 400 <= answer.status < 500:
        text = answer.body.decode(errors="replace")
        if answer.status == 400 and text.startswith("Invalid HTTP request"):
            return ""
        with contextlib.suppress(ValueError, TypeError, KeyError):
            document = json.loads(text)
            if document["error"].endswith((".", "?")) and document["kind"]:
                return ""
        return "" if not text else f"no sentence: {answer.status} {text[:300]}"
    with contextlib.suppress(ValueError, KeyError):
        if answer.status in (200, 202) and answer.json["refused"]:
            return (
                "" if not (answer.json.get("added") or answer.json.get("predictions")) else "taken"
            )
    return f"not refused: {answer.status} {answer.body[:300]!r}"


class Killed:
    """Servers of one project, each killed while a client edits the project as fast as possible."""

    def __init__(self, folder: Path, encoder: ImageEncoder) -> None:
        self._folder, self._encoder = folder, encoder

    def trial(self, rng: np.random.Generator) -> Verdict:
        served = Served(self._folder, self._encoder)
        shown: list[Any] = []
        try:
            served.wait()
            state = _project(served)
            life = float(rng.uniform(0, LONGEST_LIFE))
            killer = threading.Timer(life, served.kill)
            killer.start()
            edits = 0
            with contextlib.suppress(OSError, HTTPException, ValueError, KeyError):
                while True:
                    edits += self._edit(served, rng)
                    shown[:] = [_project(served)]
            killer.join()
        finally:
            served.kill()
        what = f"killed after {life:.3f} s and {edits} edits"
        return self._compared(shown[0] if shown else state, what)

    def _edit(self, served: Served, rng: np.random.Generator) -> int:
        """Make one edit of a random kind; return 1 if the server confirmed the edit."""
        state = _project(served)
        pictures = [
            *state["tray"],
            *(picture for group in state["classes"] for picture in group["pictures"]),
        ]
        labels = [group["id"] for group in state["classes"]]
        kind = int(rng.integers(6)) if pictures and labels else int(rng.integers(2))
        if kind == 0:
            answer = served.tell("POST", "/classes", {"name": f"class {time.monotonic_ns()}"})
        elif kind == 1:
            new = [(f"{n}.png", a_picture(time.monotonic_ns())) for n in range(3)]
            answer = served.send(new)
        elif kind in (2, 3):
            new_labels = {str(name): str(rng.choice(labels)) for name in rng.choice(pictures, 3)}
            answer = served.tell("POST", "/labels", {"labels": new_labels})
        elif kind == 4:
            removed = str(rng.choice(pictures))
            answer = served.tell("DELETE", "/pictures", {"pictures": [removed]})
        else:
            answer = served.ask("POST", str(rng.choice(["/undo", "/redo"])))
        return int(answer.status < 300)

    def _compared(self, shown: Any, what: str) -> Verdict:
        """Check that the disk has all confirmed edits, and at most the unconfirmed edit besides."""
        faults = [fault for _, fault in check_project(self._folder) if fault]
        if faults:
            return Verdict("not whole", what, failed=True, detail="\n".join(faults)[:3000])
        served = Served(self._folder, self._encoder)
        try:
            served.wait()
            restored = _project(served)
            earlier = [] if restored == shown else _without_the_last(served)
        finally:
            served.kill()
        if shown not in (restored, *earlier):
            detail = f"shown: {shown}\nrestored: {restored}"[:3000]
            return Verdict("lost", what, failed=True, detail=detail)
        return Verdict("as shown" if restored == shown else "one edit more", what)


def _without_the_last(served: Served) -> list[Any]:
    """The states the project may have without its last edit, which may be an undo or a redo."""
    states = []
    for reverse, repeat in (("/undo", "/redo"), ("/redo", "/undo")):
        if served.ask("POST", reverse).status == 200:
            states.append(_project(served))
            served.ask("POST", repeat)
    return states


def a_picture(number: int) -> bytes:
    """A small picture, different for each number."""
    rng = np.random.default_rng(number)
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).save(file, "PNG")
    return file.getvalue()
