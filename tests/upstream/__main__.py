"""``python -m tests.upstream [--port N] [--script FILE]``: prints the base URL, and serves until it is ended.

FILE is a JSON list of steps, each with the fields of `Step`.
"""

import argparse
import asyncio
import contextlib
import json
from pathlib import Path

from tests.upstream.server import Script, serve
from tests.upstream.steps import Step


def main() -> None:
    """Reads the arguments and serves."""
    parser = argparse.ArgumentParser(prog="python -m tests.upstream")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path)
    given = parser.parse_args()
    steps = [Step.from_json(step) for step in json.loads(given.script.read_text())] if given.script else []

    def started(port: int, script: Script) -> None:
        script.steps += steps
        print(f"http://127.0.0.1:{port}/v1", flush=True)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.port, started))


if __name__ == "__main__":
    main()
