"""A small hub of models on the loopback, which the real client talks to.

It speaks what the client asks of one: model info with checksums, HEAD and GET of `resolve` (large
files lie elsewhere, on another host's name), ranges, gates, and who somebody is.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40
LATER = "b" * 40
TOKEN = "hf_accepted_by_the_owner"
STRANGER = "hf_of_somebody_else"
HIDDEN = "hf_nobody_knows_this"


@dataclass
class Repository:
    """`files` by name; `large` ones are stored apart. `wrong` names files of a false checksum."""

    files: dict[str, bytes]
    commit: str = COMMIT
    gated: str | bool = False
    licence: str = "mit"
    large: tuple[str, ...] = (".safetensors", ".bin")
    wrong: set[str] = field(default_factory=set)
    endless: int = 0  # bytes that come behind the end of a large file
    extra: list[dict[str, Any]] = field(default_factory=list)
    older: Repository | None = None  # its commit before, still to be had

    def at(self, revision: str) -> Repository | None:
        every = {"main": self, self.commit: self}
        if self.older is not None:
            every[self.older.commit] = self.older
        return every.get(revision)


@dataclass
class Asked:
    method: str
    path: str
    range: str
    token: str
    host: str


class Hub:
    """`repositories` by name. `cuts` says after how many bytes the next answers with a file's
    content break off, `stall` after how many one stops and waits for `go_on`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.asked: list[Asked] = []
        self.cuts: dict[str, list[int]] = {}
        self.stall: dict[str, int] = {}
        self.stalled, self.go_on = threading.Event(), threading.Event()
        self.status = 0  # instead of every answer
        self.page = False  # answer as the page of a hotel does
        hub = self

        class Handler(_Handler):
            owner = hub

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def bodies(self, name: str) -> list[Asked]:
        """The requests for the content of a file."""
        return [one for one in self.asked if one.method == "GET" and one.path.endswith(name)]

    def paths(self) -> str:
        return "\n".join(f"{one.method} {one.path}" for one in self.asked)


class _Handler(BaseHTTPRequestHandler):
    owner: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    # ------------------------------------------------------------------
    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        self.owner.asked.append(
            Asked(self.command, path, self.headers.get("range") or "", token,
                  self.headers.get("host") or "")
        )  # fmt: skip
        if self.owner.status:
            self._refuse(self.owner.status)
        elif self.owner.page:
            self._send(b"<html>Welcome to the hotel</html>", {"Content-Type": "text/html"})
        elif path == "/api/whoami-v2":
            if token in (TOKEN, STRANGER):
                who = {"type": "user", "name": "writer", "auth": {"accessToken": {
                    "displayName": "talecraft", "role": "read"}}}  # fmt: skip
                self._send(json.dumps(who).encode())
            else:
                self._refuse(401, "", "Invalid credentials in Authorization header")
        elif path.startswith("/api/models/"):
            name, _, revision = path.removeprefix("/api/models/").partition("/revision/")
            self._info(name, revision, token)
        elif path.startswith("/cdn/"):
            name, _, file = path.removeprefix("/cdn/").rpartition("/")
            repository = self.owner.repositories[name]
            self._content(repository.files[file] + b"\0" * repository.endless, file, None)
        else:
            name, _, rest = path.removeprefix("/").partition("/resolve/")
            revision, _, file = rest.partition("/")
            self._file(name, revision, file, token)

    def _info(self, name: str, revision: str, token: str) -> None:
        repository = self.owner.repositories.get(name)
        if token == HIDDEN:
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif repository is None:
            self._refuse(404 if token else 401, "RepoNotFound", "Repository not found")
        elif (repository := repository.at(revision)) is None:
            self._refuse(404, "RevisionNotFound", "Invalid rev id")
        else:
            siblings = [
                {"rfilename": file, "size": len(content)} | _sums(repository, file)
                for file, content in repository.files.items()
            ]
            found = {
                "id": name, "sha": repository.commit, "gated": repository.gated,
                "private": False, "cardData": {"license": repository.licence},
                "siblings": siblings + repository.extra,
            }  # fmt: skip
            self._send(json.dumps(found).encode())

    def _file(self, name: str, revision: str, file: str, token: str) -> None:
        repository = self.owner.repositories.get(name)
        if repository is None:
            self._refuse(404, "RepoNotFound", "Repository not found")
        elif repository.gated and not token:
            self._refuse(401, "GatedRepo", "Access to model is restricted.")
        elif repository.gated and token != TOKEN:
            self._refuse(403, "GatedRepo", "Access to model is restricted and you are not in.")
        elif (repository := repository.at(revision)) is None or file not in repository.files:
            self._refuse(404, "EntryNotFound", "Entry not found")
        elif file.endswith(repository.large):
            digest = hashlib.sha256(repository.files[file]).hexdigest()
            self._send(b"", {
                "Location": f"http://localhost:{self.owner.port}/cdn/{name}/{file}",
                "X-Repo-Commit": repository.commit, "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(len(repository.files[file])),
            }, 302)  # fmt: skip
        else:
            self._content(repository.files[file], file, repository.commit)

    def _content(self, content: bytes, file: str, commit: str | None) -> None:
        begin, status = 0, 200
        headers = {"ETag": '"' + hashlib.sha1(content).hexdigest() + '"'}
        if commit is not None:
            headers["X-Repo-Commit"] = commit
        if wanted := self.headers.get("range"):
            begin, status = int(wanted.removeprefix("bytes=").partition("-")[0]), 206
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self._send(content[begin:], headers, status, file)

    def _send(
        self, body: bytes, headers: dict[str, str] | None = None, status: int = 200, file: str = ""
    ) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.owner.cuts.get(file):
            self.wfile.write(body[: self.owner.cuts[file].pop(0)])
            self.wfile.flush()
            self.close_connection = True
            return
        if (after := self.owner.stall.pop(file, None)) is not None:
            self.wfile.write(body[:after])
            self.wfile.flush()
            self.owner.stalled.set()
            self.owner.go_on.wait(30)
            self.close_connection = True
            return
        self.wfile.write(body)

    def _refuse(self, status: int, code: str = "", message: str = "") -> None:
        self._send(b"{}", {"X-Error-Code": code, "X-Error-Message": message}, status)


def _sums(repository: Repository, file: str) -> dict[str, Any]:
    content = repository.files[file] + (b"!" if file in repository.wrong else b"")
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    if not file.endswith(repository.large):
        return {"blobId": blob}
    sha256 = hashlib.sha256(content).hexdigest()
    lfs = {"sha256": sha256, "size": len(repository.files[file]), "pointerSize": 130}
    return {"blobId": "c" * 40, "lfs": lfs}
