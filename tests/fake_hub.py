"""The part of the Hugging Face hub's HTTP interface that downloads use, on loopback."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from metaadapter.files.hub import fetch, files_in

TOKEN = "hf_reader"
# Variables of the hub, beside HF_TOKEN, that give a token.
OTHER_ACCOUNTS = ("HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE")


@dataclass
class Repository:
    """The commits of a repository; a commit is a mapping of file to content."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        text = repr((sorted(files.items()), self.refs.get(branch), len(self.commits)))
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.commits[sha], self.refs[branch] = files, sha
        return sha

    def files(self, revision: str = "main") -> dict[str, bytes]:
        return self.commits[self.refs.get(revision, revision)]


class FakeHub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, Repository] = {}
        self.requests: list[tuple[str, str]] = []
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, name: str, files: dict[str, bytes], **facts: bool) -> str:
        """Add a commit with these files to a repository, as its owner does."""
        return self.repositories.setdefault(name, Repository(**facts)).commit(files)

    def asked(self, method: str, part: str = "") -> list[str]:
        return [path for how, path in self.requests if how == method and part in path]


class Refused(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message


class Handler(BaseHTTPRequestHandler):
    server: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append((self.command, path))
        try:
            for pattern, method in ROUTES:
                if (match := re.fullmatch(pattern, path)) and self.command in method.split("_"):
                    with self.server.lock:
                        answer = getattr(self, method)(*match.groups())
                    return self._send(*answer)
            raise Refused(404, "", f"no such page: {path}")
        except Refused as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
            body = json.dumps({"error": refusal.message}).encode()
            return self._send(refusal.status, body, {k: v for k, v in headers.items() if v})

    do_GET = do_HEAD = _answer

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    @property
    def _token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def _readable(self, name: str) -> Repository:
        repository = self.server.repositories.get(name)
        if repository is None or (repository.private and self._token != TOKEN):
            raise Refused(404 if self._token else 401, "RepoNotFound", "Repository not found")
        return repository

    def _at(self, repository: Repository, revision: str) -> str:
        sha = repository.refs.get(revision, revision)
        if sha not in repository.commits:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha

    def _json(self, document: Any) -> tuple[int, bytes]:
        return 200, json.dumps(document).encode()

    def info_GET(self, name: str, revision: str | None) -> tuple[int, bytes]:
        repository = self._readable(name)
        sha = self._at(repository, revision or "main")
        files = repository.commits[sha]
        siblings = [{"rfilename": file, "size": len(files[file])} for file in sorted(files)]
        facts = {"id": name, "sha": sha, "private": repository.private, "siblings": siblings}
        return self._json(facts)

    def tree_GET(self, name: str, revision: str) -> tuple[int, bytes]:
        repository = self._readable(name)
        files = repository.commits[self._at(repository, revision)]
        return self._json([_entry(file, files[file]) for file in sorted(files)])

    def file_GET_HEAD(
        self, name: str, revision: str, file: str
    ) -> tuple[int, bytes, dict[str, str]]:
        repository = self._readable(name)
        sha = self._at(repository, revision)
        if repository.gated:
            raise Refused(403, "GatedRepo", "Access to this model is restricted")
        if file not in repository.commits[sha]:
            raise Refused(404, "EntryNotFound", "Entry not found")
        content = repository.commits[sha][file]
        etag = f'"{_entry(file, content)["oid"]}"'
        return 200, content, {"X-Repo-Commit": sha, "ETag": etag}


REPOSITORY, REVISION = r"([\w.-]+/[\w.-]+)", r"([\w./-]+)"
ROUTES = [
    (rf"/api/models/{REPOSITORY}(?:/revision/{REVISION})?", "info_GET"),
    (rf"/api/models/{REPOSITORY}/tree/{REVISION}", "tree_GET"),
    (rf"/{REPOSITORY}/resolve/([\w-]+|refs/pr/\d+)/(.+)", "file_GET_HEAD"),
]


def _entry(file: str, content: bytes) -> dict[str, Any]:
    oid = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    return {"type": "file", "path": file, "size": len(content), "oid": oid}


@contextmanager
def running_hub() -> Any:
    """Yield a hub that answers on a free port of this machine."""
    with FakeHub() as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


def forget_downloads() -> None:
    """Let this process ask the hub again."""
    files_in.cache_clear()
    fetch.cache_clear()


@contextmanager
def hub_for_tests(monkeypatch: Any, folder: Any) -> Any:
    """Yield a hub that this process takes for the real one, with an empty cache in a folder."""
    from huggingface_hub import close_session, constants

    with running_hub() as hub:
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        for name, value in {
            "ENDPOINT": hub.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": template,
            "HF_HUB_CACHE": str(folder / "hub-cache"),
            "HF_HUB_OFFLINE": False,
            "HF_HUB_DISABLE_XET": True,  # its protocol has servers of its own
            "HF_TOKEN_PATH": str(folder / "no-token"),
        }.items():
            monkeypatch.setattr(constants, name, value)
        for name in OTHER_ACCOUNTS:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        close_session()  # the next one reads these variables
        forget_downloads()
        yield hub
        close_session()
        forget_downloads()
