"""`make test`: every check, each with its own line at the end; `--lint` leaves the tests out.

The tests use every processor, and what needs no processor of its own fills their waiting: the linters, then the
database's tests on PostgreSQL, at a lower priority and told of at the end. What measures time or memory comes last and
alone.

A check that fails does not stop the others. What this machine cannot run is named in the last lines; with
REQUIRE_ALL=1, as in CI, it fails.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
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
SLOWEST = ["--durations=15", "--durations-min=5"]


@dataclass
class Result:
    name: str
    good: bool
    seconds: float
    missing: str = ""
    output: str = ""


def run(name: str, module: str, *arguments: str, env: dict[str, str] | None = None, behind: bool = False) -> Result:
    """Run one module as a program, its output as it comes; `behind` the others it yields to them and is kept."""
    command = [sys.executable, "-m", module, *arguments]
    if behind:
        command = [*(["nice", "-n", "10"] if shutil.which("nice") else []), *command]
    else:
        print(f"\n=== {name}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        not_run = Path(folder) / "not_run"
        environment = clean_environment() | {"NOT_RUN_FILE": str(not_run), "DATA_DIR": folder} | (env or {})
        kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if behind else {}
        done = subprocess.run(command, cwd=ROOT, env=environment, **kept)  # type: ignore[call-overload]
        missing = not_run.read_text(encoding="utf-8") if not_run.exists() else ""
    output = (done.stdout or b"").decode(errors="replace")
    return Result(name, done.returncode == 0, time.monotonic() - started, missing, output)


def lint(*, behind: bool) -> Iterator[Result]:
    for name, (module, *arguments) in LINT.items():
        yield run(name, module, *arguments, behind=behind)


def on_postgres() -> Result:
    """The tests that touch the database, without the ones that start the whole app, on PostgreSQL."""
    name, chosen = "pytest on PostgreSQL", "not e2e or db_matrix"
    try:
        with postgres.running() as url:
            return run(name, "pytest", "-q", "-m", chosen, env={"TEST_DATABASE_URL": url}, behind=True)
    except postgres.Unavailable as reason:
        return Result(name, not skips.require_all(), 0, f"{reason}: the database's tests on PostgreSQL\n")


def behind_the_tests() -> list[Result]:
    return [*lint(behind=True), on_postgres()]


def checks() -> Iterator[Result]:
    """Every check's result, as it becomes known."""
    given = os.environ.get("PYTEST_ARGS", "").split()
    with ThreadPoolExecutor(1) as executor:
        others = executor.submit(behind_the_tests)
        yield run("pytest", "pytest", "-n", "auto", "-m", "not alone", *SLOWEST, *given)
        for result in others.result():
            print(f"\n=== {result.name}\n{result.output}", flush=True)
            yield result
    yield run("pytest, alone", "pytest", "-m", "alone")


def main() -> None:
    """Run them all; exit 1 if one failed."""
    results = list(lint(behind=False) if "--lint" in sys.argv[1:] else checks())
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
