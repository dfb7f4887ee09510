"""`manage.py` without its start: a process that has Django loaded already forks for each command.

A start costs more than a second of processor time, and a workspace takes five commands. What a command reads, writes
and ends with is a process's own, as in life; `tests/test_docs_readme_runs.py` and others run the program itself.
"""

import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
# What the settings do not read, so that a command may be given it behind their start.
GIVEN_LATE = frozenset({"VAULT_PASSWORD", "NEW_VAULT_PASSWORD", "OWNER_PASSWORD", "VAULT_BACKUP_PASSPHRASE"})
COMMANDS = frozenset({"create_tenant", "denysh", "prices", "provider", "tools", "vault"})


class Commands:
    """The process for one app's environment. Started at the first command; `close` ends it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def run(self, args: Sequence[str], stdin: str, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        """Run one command to its end."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.infra.commands"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps([*args]), json.dumps(stdin), json.dumps(dict(env)), sep="\t", file=self._process.stdin)
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"manage.py {args[0]}: the process of the commands ended"
        code, out, err = json.loads(line)
        return subprocess.CompletedProcess([*args], code, out, err)

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin
            assert process.stdout
            process.stdin.close()
            process.stdout.close()
            process.wait(30)


def _serve() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "deny_web.settings"
    import django

    django.setup()
    for line in sys.stdin:
        args, stdin, env = map(json.loads, line.split("\t"))
        with tempfile.TemporaryDirectory() as folder:
            streams = [Path(folder, name) for name in ("stdin", "stdout", "stderr")]
            streams[0].write_text(stdin, encoding="utf-8")
            child = os.fork()
            if child == 0:
                os._exit(_command(args, env, streams))
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            print(json.dumps([code, *(path.read_text(errors="replace") for path in streams[1:])]), flush=True)


def _command(args: list[str], env: dict[str, str], streams: list[Path]) -> int:
    """In a process of its own: the command over these files, and its exit code."""
    os.environ.update(env)
    for number, (path, mode) in enumerate(zip(streams, "rww", strict=True)):
        opened = path.open(mode)
        os.dup2(opened.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = (open(number, mode) for number, mode in enumerate("rww"))  # noqa: SIM115 - theirs until the process ends
    code: Any = 0
    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(["manage.py", *args])
    except SystemExit as ended:
        code = ended.code or 0
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code)


if __name__ == "__main__":
    _serve()
