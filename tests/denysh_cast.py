"""deny.sh's client, unmodified, in a process of its own with environment variables alone; and plain requests."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from tests.workspace import Workspace

PASSWORD = "eleven quiet harbours at noon"  # what the items are sealed under


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(workspace: Workspace, method: str, path: str, body: Any = None, *, key: str | None = None) -> Answer:
    """A request to /api with the workspace's key, or `key` (empty: none). `body`: bytes as they are, else as JSON."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    key = workspace.key if key is None else key
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"{workspace.app.url}/api{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Answer(answer.status, answer.read(), dict(answer.headers))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), dict(error.headers))


def put(workspace: Workspace, label: str, value: str, password: str = PASSWORD) -> str:
    """An item by the command line; gives its id."""
    return workspace.manage("denysh", "put", workspace.slug, label, stdin=value, DENY_VAULT_PASSWORD=password).strip()


def run_client(workspace: Workspace, code: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """Python that knows of this server by its environment alone."""
    given = {"PATH": os.environ["PATH"], "DENY_API_URL": f"{workspace.app.url}/api", "DENY_API_KEY": workspace.key}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=given | env, text=True, capture_output=True, timeout=60
    )
