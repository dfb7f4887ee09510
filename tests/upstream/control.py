"""A test's handle on the scripted upstream, wherever that runs, and a way to run it in a thread."""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.upstream.server import Script, serve
from tests.upstream.steps import Step

Json = dict[str, Any]

_PATIENCE = 10.0


class Upstream:
    """Queues steps, and reads what came. `url` is the base URL for an SDK; waits are in seconds, and fail loudly."""

    def __init__(self, address: str) -> None:
        self.address = address.removeprefix("http://").removesuffix("/v1").rstrip("/")
        self.url = f"http://{self.address}/v1"

    def queue(self, *steps: Step) -> None:
        """Adds steps behind those that wait."""
        self._ask("queue", [step.to_json() for step in steps])

    def requests(self) -> list[Json]:
        """Every request since the start: method, path, headers, body, at, state, events (how many were sent)."""
        found: list[Json] = self._ask("state")["requests"]
        return found

    def bodies(self) -> list[Json]:
        """The bodies of the requests for responses."""
        return [each["body"] for each in self.requests() if each["path"].endswith("/responses")]

    def release(self) -> None:
        """Lets the answers that are held go on."""
        self._ask("release")

    def reset(self) -> None:
        """Drops all steps and all that was recorded."""
        self._ask("reset")

    def assert_used(self) -> None:
        """Fails where a step was not used, or a request had none."""
        state = self._ask("state")
        assert not state["unused"], f"{len(state['unused'])} steps were not used, first: {state['unused'][0]}"
        assert not state["unscripted"], f"{state['unscripted']} requests had no step"

    def wait_requests(self, count: int) -> list[Json]:
        """The requests, once there are `count` of them."""
        return self._wait(lambda found: len(found) >= count, f"{count} requests")

    def wait_state(self, state: str, count: int = 1) -> list[Json]:
        """The requests, once `count` of them are "held", "stalled", "client_gone", "done", …"""
        return self._wait(lambda found: sum(each["state"] == state for each in found) >= count, f"{count} {state}")

    def _wait(self, seen: Callable[[list[Json]], bool], wanted: str) -> list[Json]:
        end = time.monotonic() + _PATIENCE
        while not seen(found := self.requests()):
            if time.monotonic() > end:
                raise AssertionError(f"waited {_PATIENCE:g} s for {wanted}; saw {[each['state'] for each in found]}")
            time.sleep(0.01)
        return found

    def _ask(self, name: str, body: Any = None) -> Json:
        connection = http.client.HTTPConnection(self.address, timeout=_PATIENCE)
        try:
            connection.request("POST", f"/_control/{name}", json.dumps(body))
            answer: Json = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


@contextmanager
def running(port: int = 0) -> Iterator[Upstream]:
    """A scripted upstream in a thread of this process."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    ports: list[int] = []

    def started(found: int, _script: Script) -> None:
        ports.append(found)
        ready.set()

    task = loop.create_task(serve(port, started))

    def run() -> None:
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            pass
        finally:
            loop.close()

    thread = threading.Thread(target=run, name="upstream", daemon=True)
    thread.start()
    assert ready.wait(_PATIENCE), "the upstream did not start"
    try:
        yield Upstream(f"127.0.0.1:{ports[0]}")
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join(_PATIENCE)
