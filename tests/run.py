"""`make test`: every check, each with its own line at the end; `--lint` leaves the tests out.

A check that fails does not stop the others. What this machine cannot run is named in the last lines; with
REQUIRE_ALL=1, as in CI, it fails.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.infra import postgres, skips
from tests.settings import clean_environment

ROOT = Path(__file__).resolve().parent.parent
LINT = {
    "ruff check": ["ruff", "check"],
    "ruff format": ["ruff", "format", "--check"],
    "mypy": ["mypy"],
    "migrations": ["manage", "makemigrations", "--check", "--dry-run"],
}


@dataclass
class Result:
    name: str
    good: bool
    seconds: float
    missing: str = ""


def run(name: str, module: str, *arguments: str, env: dict[str, str] | None = None) -> Result:
    """Run one module as a program, its output as it comes."""
    print(f"\n=== {name}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        not_run = Path(folder) / "not_run"
        environment = clean_environment() | {"NOT_RUN_FILE": str(not_run), "DATA_DIR": folder} | (env or {})
        done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT, env=environment)
        missing = not_run.read_text(encoding="utf-8") if not_run.exists() else ""
    return Result(name, done.returncode == 0, time.monotonic() - started, missing)


def on_postgres() -> Result:
    """The tests that touch the database, without the ones that start the whole app, on PostgreSQL."""
    name = "pytest on PostgreSQL"
    try:
        with postgres.running() as url:
            return run(name, "pytest", "-m", "not e2e", env={"TEST_DATABASE_URL": url})
    except postgres.Unavailable as reason:
        return Result(name, not skips.require_all(), 0, f"{reason}: the database's tests on PostgreSQL\n")


def checks(lint_only: bool) -> Iterator[Result]:
    """Every check's result, as it becomes known."""
    for name, (module, *arguments) in LINT.items():
        yield run(name, module, *arguments)
    if not lint_only:
        yield run("pytest", "pytest", *os.environ.get("PYTEST_ARGS", "").split())
        yield on_postgres()


def main() -> None:
    """Run them all; exit 1 if one failed."""
    results = list(checks("--lint" in sys.argv[1:]))
    print("\n=== summary")
    for result in results:
        print(f"{'ok' if result.good else 'FAILED':<7} {result.name} ({result.seconds:.0f} s)")
    missing = [line for result in results for line in result.missing.splitlines()]
    print("Not run on this machine:" if missing else "Everything was run.")
    for line in missing:
        print(f"  {line}")
    sys.exit(0 if all(result.good for result in results) else 1)


if __name__ == "__main__":
    main()
