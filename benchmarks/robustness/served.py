"""The server of `metaadapter serve` in a forked process, with a client for any request."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
import warnings
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple

from metaadapter.apps.page.access import Access, listening_socket
from metaadapter.apps.page.app import make_app
from metaadapter.apps.page.guard import Guard
from metaadapter.apps.page.projects import Projects
from metaadapter.apps.page.refusal import Limits
from metaadapter.apps.page.server import run_server
from metaadapter.features.image_encoder import ImageEncoder

SECONDS_TO_ANSWER = 30
BOUNDARY = "as-curl-has-it"


class Answer(NamedTuple):
    """The response of the server to one request."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A project that another process serves until it is killed."""

    def __init__(self, folder: Path, encoder: ImageEncoder, limits: Limits | None = None) -> None:
        listening = listening_socket(0)
        self.port = listening.getsockname()[1]
        self.access = Access.at(self.port)
        sys.stdout.flush()
        with warnings.catch_warnings():
            # The forked process does not need the idle threads of libraries.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if self.pid:
            listening.close()
            return
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
        code = 1
        try:
            with Projects(folder, encoder.name, lambda *_, **__: encoder).opened() as projects:
                run_server(Guard(make_app(projects, limits), self.access, limits), [listening])
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send a request with the token on a new connection."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_TO_ANSWER)
        defaults = {"Authorization": f"Bearer {self.access.token}", "Connection": "close"}
        try:
            connection.request(method, path, body, defaults | headers)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    def tell(self, method: str, path: str, value: object) -> Answer:
        """Send a request with a JSON document."""
        head = {"Content-Type": "application/json"}
        return self.ask(method, path, json.dumps(value).encode(), **head)

    def send(self, files: list[tuple[str, bytes]], into: str = "") -> Answer:
        """Send pictures to the tray or a class."""
        body, content_type = as_form(files, into)
        return self.ask("POST", "/pictures", body, **{"Content-Type": content_type})

    def connected(self) -> socket.socket:
        """Open a connection without sending anything."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS_TO_ANSWER)

    def wait(self) -> None:
        """Wait until the server answers."""
        end = time.monotonic() + SECONDS_TO_ANSWER
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if self.ask("GET", "/project").status == 200:
                    return
            time.sleep(0.01)
        raise RuntimeError("the server does not answer")

    @property
    def memory(self) -> int:
        """The resident memory of the server in bytes, as Linux reports it."""
        (line,) = [
            line
            for line in Path(f"/proc/{self.pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        ]
        return 1024 * int(line.split()[1])

    def kill(self) -> None:
        """Kill the server."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _end_with(parent: int) -> None:
    """End this process when its parent has ended."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def as_form(files: list[tuple[str, bytes]], into: str = "") -> tuple[bytes, str]:
    """Return the body and the content type of a form with pictures."""
    parts = [f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="class"\r\n\r\n{into}'.encode()]
    for name, content in files:
        head = f'form-data; name="pictures"; filename="{name}"'
        parts.append(f"--{BOUNDARY}\r\nContent-Disposition: {head}\r\n\r\n".encode() + content)
    parts.append(f"--{BOUNDARY}--\r\n".encode())
    return b"\r\n".join(parts), f"multipart/form-data; boundary={BOUNDARY}"
