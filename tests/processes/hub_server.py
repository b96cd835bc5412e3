"""A stand-in for the Hugging Face hub: repositories in memory, over HTTP, without large-file storage."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Repository:
    """The commits of one repository, oldest first: commit -> file name -> content."""

    private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def add(self, files: dict[str, bytes]) -> str:
        """Add a commit with these files, and return its name."""
        digest = hashlib.sha1(repr((len(self.commits), sorted(files.items()))).encode()).hexdigest()
        self.commits[digest] = files
        return digest

    def commit(self, revision: str) -> str | None:
        """Return the commit that a branch or a commit's name means."""
        if revision == "main":
            return [*self.commits][-1]
        return revision if revision in self.commits else None


class Hub:
    """Repositories by name, and the requests that were made."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []
        self.address = ""

    def add(self, name: str, files: dict[str, bytes], *, private: bool = False) -> str:
        """Add a commit to a repository, which is created if necessary, and return the commit."""
        return self.repositories.setdefault(name, Repository(private)).add(files)


@contextmanager
def serving() -> Iterator[Hub]:
    """Serve an empty hub on a free port of the loopback interface."""
    hub = Hub()

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, value: Any, status: int = 200, **headers: str) -> None:
        self._send(json.dumps(value).encode(), status, Content_Type="application/json", **headers)

    def _missing(self, code: str) -> None:
        self._json({"error": code}, 404, X_Error_Code=code)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.requests.append(f"{self.command} {path}")
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/(revision|tree)/([^/]+))?", path):
            return self._about(*match.groups())
        if match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            return self._file(*match.groups())
        return self._missing("EntryNotFound")

    def _about(self, name: str, kind: str | None, revision: str | None) -> None:
        repository = self.state.repositories.get(name)
        if repository is None:
            return self._missing("RepoNotFound")
        commit = repository.commit(revision or "main") if repository.commits else None
        if commit is None and revision is not None:
            return self._missing("RevisionNotFound")
        files = repository.commits.get(commit or "", {})
        if kind == "tree":
            return self._json(
                [{"type": "file", "path": each, "size": len(files[each]), "oid": commit} for each in files]
            )
        siblings = [{"rfilename": each} for each in files]
        return self._json(
            {"id": name, "sha": commit, "private": repository.private, "siblings": siblings, "tags": []}
        )

    def _file(self, name: str, revision: str, file: str) -> None:
        repository = self.state.repositories.get(name)
        commit = None if repository is None else repository.commit(revision)
        if repository is None or commit is None or file not in repository.commits[commit]:
            return self._missing("EntryNotFound")
        content = repository.commits[commit][file]
        etag = hashlib.sha1(content).hexdigest()
        return self._send(content, ETag=f'"{etag}"', X_Repo_Commit=commit)

    def do_POST(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.requests.append(f"POST {path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        match = re.fullmatch(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/([^/]+)", path)
        if match is None or match[1] not in self.state.repositories:
            return self._missing("RepoNotFound")
        if match[2] == "preupload":
            modes = [{"path": each["path"], "uploadMode": "regular"} for each in json.loads(body)["files"]]
            return self._json({"files": [{**mode, "shouldIgnore": False, "oid": None} for mode in modes]})
        return self._commit(match[1], [json.loads(line) for line in body.splitlines()])

    def _create(self, request: dict[str, Any]) -> None:
        name = f"{request.get('organization') or 'me'}/{request['name']}"
        address = {"url": f"{self.state.address}/{name}", "name": name, "id": name}
        if name in self.state.repositories:
            return self._json(address | {"error": "You already created this model repo"}, 409)
        private = request.get("private") is True or request.get("visibility") == "private"
        self.state.repositories[name] = Repository(private)
        self.state.repositories[name].add({".gitattributes": b""})
        return self._json(address)

    def _commit(self, name: str, operations: list[dict[str, Any]]) -> None:
        repository = self.state.repositories[name]
        files = dict(repository.commits[repository.commit("main") or ""])
        for operation in operations:
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "deletedFile":
                del files[value["path"]]
        commit = repository.add(files)
        address = f"{self.state.address}/{name}/commit/{commit}"
        return self._json({"success": True, "commitOid": commit, "commitUrl": address})
