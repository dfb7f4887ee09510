"""Programs of docs/clients, run as they stand: each in a process of its own, whose environment is all it is told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import docs
from tests.interop import installed
from tests.workspace import Workspace

CLIENTS = docs.ROOT / "docs" / "clients"
# A closed port: what a client would send anywhere else finds no way out. Loopback needs none.
_NOWHERE = "http://127.0.0.1:9"
_OFF_THE_MACHINE = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NOWHERE),
    "NO_PROXY": "127.0.0.1",
    "no_proxy": "127.0.0.1",
    "NODE_USE_ENV_PROXY": "1",  # Node looks at these only when told
}


@dataclass(frozen=True)
class Programs:
    """Runs programs in `folder`, with a key of `workspace`."""

    workspace: Workspace
    folder: Path

    def python(self, heading: str, *arguments: str, page: str = "python", stdin: str = "", **env: str) -> list[str]:
        """The lines that the programs under a heading print; warnings are errors.

        The programs of python.md run on the SDK that the app itself has, the others in the clients' environment.
        """
        interpreter = sys.executable if page == "python" else installed.python()
        said = ""
        for code in docs.under(CLIENTS / f"{page}.md", heading):
            (self.folder / "program.py").write_text(code, encoding="utf-8")
            said += self.run(interpreter, "-W", "error", "program.py", *arguments, stdin=stdin, **env).stdout
        return said.splitlines()

    def typescript(self, heading: str, page: str = "node", **env: str) -> list[str]:
        """The lines that the last program under a heading prints; those before it are files that it imports."""
        name = "program.ts"
        for code in docs.under(CLIENTS / f"{page}.md", heading):
            first = code.partition("\n")[0]
            name = first.removeprefix("// ") if first.startswith("// ") else "program.ts"
            (self.folder / name).write_text(code, encoding="utf-8")
        (self.folder / "node_modules").symlink_to(installed.node_modules())
        return self.run(installed.node(), name, **env).stdout.splitlines()

    @contextmanager
    def started(self, heading: str, **env: str) -> "Iterator[subprocess.Popen[str]]":
        """The program under a heading of python.md, while it runs; ended where it did not end by itself."""
        (code,) = docs.under(CLIENTS / "python.md", heading)
        (self.folder / "program.py").write_text(code, encoding="utf-8")
        with subprocess.Popen(
            [sys.executable, "-W", "error", "program.py"],
            cwd=self.folder,
            env=self.environment | env,
            text=True,
            stdout=subprocess.PIPE,
        ) as running:
            try:
                yield running
            finally:
                running.kill()

    @property
    def environment(self) -> dict[str, str]:
        """What every program is told: the two variables, and no way off this machine."""
        return _OFF_THE_MACHINE | {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "OPENAI_BASE_URL": f"{self.workspace.app.url}/v1",
            "OPENAI_API_KEY": self.workspace.key,
        }

    def run(self, *command: str | Path, stdin: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
        """One process; a failure fails the test and shows what it said."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=self.folder,
            env=self.environment | env,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done
