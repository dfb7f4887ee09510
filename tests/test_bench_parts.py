"""The benchmark measures what it says: the mock speaks the wire format, the load counts every delta."""

import asyncio
import json
import urllib.request

import pytest

from bench import app as apps
from bench import client
from bench.__main__ import Row, table
from tests.upstream.shapes import check_response, check_stream
from tests.upstream.sse import events


@pytest.fixture(scope="module")
def mock():
    with apps.mock() as (url, _):
        yield url


def ask(url: str, model: str, stream: bool) -> bytes:
    body = json.dumps({"model": model, "input": "hi", "stream": stream}).encode()
    with urllib.request.urlopen(f"{url}/responses", body, timeout=10) as answer:
        return bytes(answer.read())


@pytest.mark.parametrize("model", ["burst-100", "paced-5-1"])
def test_the_mock_speaks_the_wire_format(mock, model):
    streamed = events(ask(mock, model, stream=True))
    check_stream(streamed)
    assert sum(event["type"].endswith(".delta") for event in streamed) == int(model.split("-")[1])
    check_response(json.loads(ask(mock, model, stream=False)))


def test_the_load_counts_every_delta_and_request(mock):
    body = {"model": "burst-100", "input": "hi", "stream": True}
    load = asyncio.run(client.http(mock, "none", body, connections=3, times=4))
    assert (load.requests, load.deltas, len(load.firsts)) == (12, 1200, 12)
    assert asyncio.run(client.http(mock, "none", {**body, "stream": False}, connections=2, times=5)).requests == 10


def test_paced_deltas_take_their_time(mock):
    body = {"model": "paced-10-10", "input": "hi", "stream": True}
    load = asyncio.run(client.http(mock, "none", body, connections=1))
    assert 0.09 <= load.lengths[0] < 2
    assert load.first < load.lengths[0] - 0.05


def test_an_error_is_no_result():
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(_refused())
    assert caught.group_contains(client.Failed)


async def _refused() -> client.Load:
    """Asks a server that answers 401."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await client.http(f"http://127.0.0.1:{port}/v1", "none", {"model": "x"}, connections=1)


def test_the_table_has_a_row_for_each_way_and_ratios_to_direct():
    direct = Row("direct", burst=1000.0, first_1=0.001, first_64=0.001, rate_256=100.0, requests=50.0)
    mine = Row("mine", burst=500.0, first_1=0.003, first_64=0.004, rate_256=99.0, cpu=25.0, requests=10.0)
    last = table([direct, mine]).splitlines()[-1]
    assert last.startswith("| mine | 0.50 | 2.0 / 3.0 ms | 0.990 | 25 |")
    assert last.endswith("| 10 (0.200) |")
