"""The guard: ends all that the supervisor started once the supervisor is gone, even by `kill -9`.

Run as a script of its own, in its own session. Its standard input is a pipe that only the supervisor writes to:
`+PID` and `-PID`, one a line, name the process groups that live. The end of the pipe is the end of the supervisor.
It holds a copy of the data directory's lock, so that no new instance meets leftovers of the old one.
"""

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(ignored, signal.SIG_IGN)  # it ends after the supervisor, never with it
    groups: set[int] = set()
    for line in sys.stdin:
        groups.add(int(line[1:])) if line[0] == "+" else groups.discard(int(line[1:]))
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
