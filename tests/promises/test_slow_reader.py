"""A reader that stops reading costs bounded memory, and nobody else notices it."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit

import psutil
import pytest
from websockets.sync.client import connect

from tests.infra.app import App, wait_for
from tests.upstream import text
from tests.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.alone]
DELTAS = 50_000
READERS = 18  # of each kind
BOUND = 60 * 1024 * 1024


@contextmanager
def narrow(app: App) -> Iterator[socket.socket]:
    """A connection whose own buffer is small, so that the kernel takes little of what nobody reads."""
    host, port = urlsplit(app.url).netloc.split(":")
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.connect((host, int(port)))
        yield opened


@contextmanager
def lazy_stream(workspace: Workspace, response_id: str) -> Iterator[socket.socket]:
    """Asks for the stream's events over HTTP and reads none."""
    with narrow(workspace.app) as opened:
        head = f"GET /v1/responses/{response_id}?stream=true HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        opened.sendall(f"{head}Authorization: Bearer {workspace.key}\r\n\r\n".encode())
        yield opened


@contextmanager
def lazy_socket(workspace: Workspace, response_id: str) -> Iterator[None]:
    """Follows the response over a WebSocket, which reads ahead a few frames and then no more."""
    address = f"ws://{urlsplit(workspace.app.url).netloc}/v1/responses"
    headers = {"Authorization": f"Bearer {workspace.key}"}
    with narrow(workspace.app) as raw:
        opened = connect(address, sock=raw, additional_headers=headers, max_queue=1, max_size=None, ping_interval=None)
        opened.send(json.dumps({"type": "deny_web:follow", "response_id": response_id, "starting_after": -1}))
        yield
        opened.close_timeout = 0.1
        opened.close()


@pytest.mark.usefixtures("settled")
def test_readers_that_stop_reading_cost_bounded_memory(workspace: Workspace, upstream, app, say) -> None:
    web = psutil.Process(app.pids["web"])
    long = text("begin " + "word " * DELTAS, deltas=DELTAS, model="long")
    upstream.queue(
        long,  # the same stream without such readers, so that what it costs by itself is not counted
        long.but(fault="hold", after=3),
        text("short", deltas=20, model="short", times=0),
    )
    client = workspace.client()
    alone = sum(1 for _ in client.responses.create(model="long", input="go on", stream=True))
    made = client.responses.create(model="long", input="go on", stream=True)
    response_id = next(iter(made)).response.id
    with ExitStack() as readers:
        for _ in range(READERS):
            readers.enter_context(lazy_stream(workspace, response_id))
            readers.enter_context(lazy_socket(workspace, response_id))
        before, peak, waits = web.memory_info().rss, 0, []
        upstream.release()
        size = 0
        for count, event in enumerate(made):
            size += len(event.model_dump_json())
            if count % 5000 == 0:
                began = time.monotonic()
                list(client.responses.create(model="short", input="beside it", stream=True))
                waits.append(time.monotonic() - began)
                peak = max(peak, web.memory_info().rss)
        assert event.type == "response.completed"
        peak = max(peak, web.memory_info().rss)
        unread = 2 * READERS * size
        cost, slowest = peak - before, max(waits)
        say(
            f"{count:,} events, {2 * READERS} readers that read none of {unread / 1e6:.0f} MB cost {cost / 1e6:.0f} MB;"
            f" short turns beside them took at most {slowest:.2f} s"
        )
        assert unread > 4 * BOUND, "the stream is too small to show anything"
        assert cost < BOUND
        assert slowest < 5
    with closing(client.responses.retrieve(response_id, stream=True)) as late:
        numbers = [one.sequence_number for one in late]
    assert numbers == list(range(alone))
    wait_for(lambda: web.memory_info().rss - before < BOUND, 5, "the memory was not given back")
