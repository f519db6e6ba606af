"""Random hostile requests; each must be refused with a reason."""

from __future__ import annotations

import json
import socket
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.robustness.served import Answer, Served, as_form

# A description of the request, and the response, `None` if the server closed the connection.
Outcome = tuple[str, Answer | None]
JSON = {"Content-Type": "application/json"}
PATHS = (
    "/project",
    "/classes",
    "/pictures",
    "/labels",
    "/answers",
    "/take/adapter",
    "/page/main.js",
)
TRICKS = (
    "/page/../app.py",
    "/page/..%2fapp.py",
    "/page/%2e%2e/%2e%2e/errors.py",
    "/pictures/..%2f..%2fproject.json",
    "/pictures/%00",
    "/pictures/" + "a" * 5000,
    "//etc/passwd",
    "/take/../../etc/passwd",
    "/classes/../../x",
    "/\\..\\..\\boot.ini",
)


def foreign(served: Served, rng: np.random.Generator) -> Outcome:
    """Requests from another page, for another host, or without the token."""
    wrong = {
        "Host": str(
            rng.choice(["evil.example", "127.0.0.1", "localhost:1", "", "127.0.0.1:99999"])
        ),
        "Origin": str(rng.choice(["http://evil.example", "null", "http://127.0.0.1:1", "file://"])),
        "Sec-Fetch-Site": str(rng.choice(["cross-site", "same-site", "nonsense"])),
        "Authorization": str(rng.choice(["", "Bearer", "Bearer x", "Basic eDp5", "Bearer " * 500])),
    }
    name = str(rng.choice(list(wrong)))
    method, path = str(rng.choice(["GET", "POST", "DELETE"])), str(rng.choice(PATHS))
    return f"{method} {path} {name}: {wrong[name][:60]}", served.ask(
        method, path, **{name: wrong[name]}
    )


def paths_and_methods(served: Served, rng: np.random.Generator) -> Outcome:
    """Paths that do not exist, and unsupported methods."""
    if rng.random() < 0.5:
        path = str(rng.choice(TRICKS))
        return f"GET {path[:60]}", served.ask("GET", path)
    method = str(rng.choice(["PUT", "TRACE", "OPTIONS", "HEAD", "CONNECT", "PROPFIND", "get"]))
    return f"{method} /project", served.ask(method, str(rng.choice(PATHS)))


def documents(served: Served, rng: np.random.Generator) -> Outcome:
    """JSON that is deep, long or broken, or has values of wrong types."""
    bodies: list[Callable[[], bytes]] = [
        lambda: b"[" * int(rng.integers(1, 200_000)),
        lambda: b'{"name":' * int(rng.integers(1, 50_000)),
        lambda: b'{"name": "' + b"x" * int(rng.integers(200, 10_000_000)) + b'"}',
        lambda: rng.bytes(int(rng.integers(0, 2000))),
        lambda: b'{"name": "\\ud800"}',
        lambda: b'{"name": NaN}',
        lambda: b'{"name": 1' + b"0" * int(rng.integers(1, 100_000)) + b"}",
        lambda: json.dumps({"name": [None, {}, 5, True, "", "\0"][int(rng.integers(5))]}).encode(),
        lambda: json.dumps({"labels": {"../" * 9: None}}).encode(),
        lambda: json.dumps({"pictures": ["f" * 64] * int(rng.integers(1, 1000))}).encode(),
        lambda: json.dumps({"name": "a", "__proto__": {}}).encode(),
    ]
    number = int(rng.integers(len(bodies)))
    method, path = [
        *(("POST", "/classes"), ("PATCH", "/classes/abc"), ("POST", "/labels")),
        *(("DELETE", "/pictures"), ("POST", "/projects/open")),
    ][int(rng.integers(5))]
    return f"{method} {path} body {number}", served.ask(method, path, bodies[number](), **JSON)


def queries(served: Served, rng: np.random.Generator) -> Outcome:
    """Query parameters out of range."""
    path = str(
        rng.choice(
            [
                *("/answers?since=x", "/answers?since=1e999", "/take/answers.csv?sure=nan"),
                *("/take/counts.csv?sure=-1", "/take/pictures.zip?sure=" + "9" * 4000),
                *(f"/pictures/{'f' * 64}?size=huge", f"/pictures/{'f' * 64}?size=whole"),
            ]
        )
    )
    return f"GET {path[:60]}", served.ask("GET", path)


def forms(served: Served, rng: np.random.Generator) -> Outcome:
    """Forms that are cut off, have no names or too many parts, or give a wrong length."""
    body, content_type = as_form([(f"{n}.jpg", rng.bytes(50)) for n in range(3)])
    kind = int(rng.integers(6))
    if kind == 0:
        body = body[: int(rng.integers(len(body) - 4))]
    elif kind == 1:
        content_type = str(
            rng.choice(["", "multipart/form-data", "text/plain", "multipart/" * 900])
        )
    elif kind == 2:
        body, content_type = as_form([("a.jpg", b"x")] * 6000)
    elif kind == 3:
        body = body.replace(b'name="pictures"; ', b"")
    elif kind == 4:
        body = body.replace(b"Content-Disposition", b"X" * int(rng.integers(1, 200_000)))
    else:
        length = str(10 ** int(rng.integers(11, 30)))
        return "an excessive length", served.ask(
            "POST", "/pictures", body, **{"Content-Type": content_type, "Content-Length": length}
        )
    head = {"Content-Type": content_type}
    return f"a form of kind {kind}", served.ask("POST", "/pictures", body, **head)


def files(served: Served, rng: np.random.Generator) -> Outcome:
    """Files that are no pictures, give false sizes, or would fill the memory."""
    makers = (noise, cut_off, pixel_bomb)
    maker = makers[int(rng.integers(len(makers)))]
    name = str(
        rng.choice(["a.jpg", "../../../../etc/cron.d/x", "C:\\a.png", "x" * 9000, "\u202egpj"])
    )
    path = str(rng.choice(["/pictures", "/predict"]))
    body, content_type = as_form([(name, maker(rng))])
    answer = served.ask("POST", path, body, **{"Content-Type": content_type})
    return f"{path} {maker.__name__} named {name[:30]!r}", answer


def noise(rng: np.random.Generator) -> bytes:
    marks = (
        b"\xff\xd8\xff\xe0",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"RIFF",
        b"BM",
        b"II*\0",
        b"",
        b"P6 ",
    )
    return marks[int(rng.integers(len(marks)))] + rng.bytes(int(rng.integers(1, 5000)))


def cut_off(rng: np.random.Generator) -> bytes:
    whole = _png(64, 64, rng.bytes(64 * 193))
    return whole[: int(rng.integers(1, len(whole) - 20))]


def pixel_bomb(rng: np.random.Generator) -> bytes:
    """A few bytes that claim to be a picture of billions of pixels."""
    side = int(rng.integers(20_000, 2**31 - 1))
    return _png(side, int(rng.choice([1, side])), b"\0" * 1000)


def half_open(served: Served, rng: np.random.Generator) -> Outcome:
    """A connection that closes in the middle of a head or a body."""
    head = f"POST /pictures HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n".encode()
    token = f"Authorization: Bearer {served.access.token}\r\n".encode()
    _, content_type = as_form([])
    body = f"Content-Type: {content_type}\r\nContent-Length: 999\r\n\r\n--as-curl".encode()
    messages = (
        b"",
        head[: int(rng.integers(len(head)))],
        head + token,
        head + token + body,
        head + body,
    )
    number = int(rng.integers(len(messages)))
    with served.connected() as connection:
        connection.sendall(messages[number])
    return f"half open at {number}", None


def raw(served: Served, rng: np.random.Generator) -> Outcome:
    """Bytes that are not a request."""
    host = f"Host: 127.0.0.1:{served.port}\r\n".encode()
    messages = (
        rng.bytes(int(rng.integers(1, 5000))) + b"\r\n\r\n",
        b"GET /project HTTP/9.9\r\n" + host + b"\r\n",
        b"GET /project HTTP/1.1\r\n" + host + b"X: " + b"y" * 200_000 + b"\r\n\r\n",
        b"GET /project HTTP/1.1\r\n" + (b"Host: a\r\n" * 200) + b"\r\n",
        b"GET / HTTP/1.1\r\n"
        + host
        + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzzz",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.bytes(200) + b"\r\n\r\n",
    )
    number = int(rng.integers(len(messages)))
    with served.connected() as connection:
        connection.sendall(messages[number])
        return f"raw {number}", _rest(connection)


def _rest(connection: socket.socket) -> Answer | None:
    pieces = list(_pieces(connection))
    whole = b"".join(pieces)
    if not whole.startswith(b"HTTP/1.1 "):
        return None
    head, _, body = whole.partition(b"\r\n\r\n")
    return Answer(int(head.split()[1]), body)


def _pieces(connection: socket.socket) -> Iterator[bytes]:
    try:
        while piece := connection.recv(65_536):
            yield piece
    except ConnectionResetError:
        return


def _png(width: int, height: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        crc = zlib.crc32(kind + content)
        return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", crc)

    head = struct.pack(">LLBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data + chunk(b"IEND", b"")


HOSTILE: dict[str, Callable[[Served, np.random.Generator], Outcome]] = {
    "foreign requests": foreign,
    "paths and methods": paths_and_methods,
    "documents": documents,
    "queries": queries,
    "forms": forms,
    "files": files,
    "half-open connections": half_open,
    "bytes that are no request": raw,
}
