"""Promise 1: a day in a workspace with planted credentials, everything that it left behind searched.

The search and its scenes are the tests' own (tests/promises/test_credential_nowhere.py); what they count is told here.
"""

import re
import subprocess
import sys
from pathlib import Path

from tests.prove.figures import Figure, Section
from tests.settings import clean_environment

ROOT = Path(__file__).resolve().parent.parent.parent
TEST = "tests/promises/test_credential_nowhere.py"
_COUNTED = re.compile(r"^([\w' ]+): ([\d,]+) bytes, (\d+) hits", re.MULTILINE)
_PASSED = re.compile(r"(\d+) passed")
_FAILED = re.compile(r"(\d+) (?:failed|error)")


def examine(*, quick: bool) -> Section:
    """The search's figures; `quick` leaves it to the tests."""
    if quick:
        return Section("Promise 1: leaks", _METHOD, [Figure("Not asked in a quick run", f"`{TEST}` asks it", True)])
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", TEST]
    done = subprocess.run(command, cwd=ROOT, env=clean_environment(), capture_output=True, text=True)
    return read(done.stdout, done.returncode)


def read(output: str, code: int) -> Section:
    """From what the search printed to figures."""
    counted = [(place, int(size.replace(",", "")), int(hits)) for place, size, hits in _COUNTED.findall(output)]
    figures = [
        Figure(f"{place[0].upper()}{place[1:]}", f"{size:,} bytes, {hits} hits", size > 0 and hits == 0)
        for place, size, hits in counted
    ]
    passed = sum(map(int, _PASSED.findall(output)))
    failed = sum(map(int, _FAILED.findall(output)))
    holds = code == 0 and passed > len(counted) > 0
    figures.append(
        Figure("Each place's control, each credential's real use", f"{passed} asked, {failed} failed", holds)
    )
    return Section("Promise 1: leaks", _METHOD, figures)


_METHOD = f"""Credentials are planted by every hand (command, page, refused form, upstream key and header) and used by
tools through success, errors, redirects, timeouts, exceptions, a leaking answer and a killed worker, with the app
logging at DEBUG. Everything that it leaves or sends is then searched for each piece of 8 characters, as text,
reversed, in hexadecimal, Base64 at every alignment, percent and JSON escapes, UTF-16, in either case. Beside every
search a planted copy is found, and something that is known to have been in the place (`{TEST}`)."""
