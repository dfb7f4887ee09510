"""The benchmark measures what it says: the mock speaks the wire format, the load counts every delta."""

import asyncio
import json
import urllib.request

import pytest

from bench import app as apps
from bench import client, report
from bench.figures import Row, Run
from bench.load import LONGEST, SHORTEST, Answer, Asker, Failed, Load
from bench.mock import STATUS, TOOL
from tests.upstream.shapes import check_response, check_stream
from tests.upstream.sse import events


@pytest.fixture(scope="module")
def mock():
    with apps.mock() as server:
        yield server.url


def ask(url: str, model: str, stream: bool, given: object = "hi") -> bytes:
    body = json.dumps({"model": model, "input": given, "stream": stream}).encode()
    with urllib.request.urlopen(f"{url}/responses", body, timeout=10) as answer:
        return bytes(answer.read())


@pytest.mark.parametrize("model", ["burst-100", "paced-5-1"])
def test_the_mock_speaks_the_wire_format(mock, model):
    streamed = events(ask(mock, model, stream=True))
    check_stream(streamed)
    assert sum(event["type"].endswith(".delta") for event in streamed) == int(model.split("-")[1])
    check_response(json.loads(ask(mock, model, stream=False)))


def test_the_mock_asks_for_the_tool_and_then_answers(mock):
    streamed = events(ask(mock, "tool-burst-3", stream=True))
    check_stream(streamed)
    (call,) = streamed[-1]["response"]["output"]
    assert (call["type"], call["name"]) == ("function_call", TOOL)
    (same,) = json.loads(ask(mock, "tool-burst-3", stream=False))["output"]
    assert same["arguments"] == call["arguments"]
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "done"}
    answered = events(ask(mock, "tool-burst-3", True, [call, result]))
    assert sum(event["type"] == "response.output_text.delta" for event in answered) == 3
    with urllib.request.urlopen(f"{mock}/jobs/{json.loads(call['arguments'])['id']}", timeout=10) as answer:
        assert json.loads(answer.read()) == STATUS


def test_the_load_counts_every_delta_and_request(mock):
    body = {"model": "burst-100", "input": "hi", "stream": True}
    load = asyncio.run(client.http(mock, "none", body, connections=3, times=4))
    assert (load.requests, load.deltas, len(load.firsts)) == (12, 1200, 12)
    assert asyncio.run(client.http(mock, "none", {**body, "stream": False}, connections=2, times=5)).requests == 10


@pytest.mark.parametrize("named", ["event: {0}\ndata: {1}\n\n", "data: {1}\n\n"])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_deltas_count_once_whether_or_not_their_events_are_named(named, separators):
    types = ["response.created", *["response.output_text.delta"] * 7, "response.completed"]
    frames = [named.format(name, json.dumps({"type": name, "delta": "x"}, separators=separators)) for name in types]
    assert asyncio.run(_answered(frames)).deltas == 7


def test_a_stream_that_does_not_complete_is_no_result():
    frames = ['event: response.failed\ndata: {"type":"response.failed"}\n\n']
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(_answered(frames))
    assert caught.group_contains(Failed, match="ended early")


async def _answered(frames: list[str]) -> Load:
    """Asks a server that sends `frames` byte by byte, as the network may."""
    chunks = [f"{len(frame):x}\r\n{frame}\r\n" for frame in [*frames, ""]]
    return await _asked("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + "".join(chunks))


def test_paced_deltas_take_their_time(mock):
    body = {"model": "paced-10-10", "input": "hi", "stream": True}
    load = asyncio.run(client.http(mock, "none", body, connections=1))
    assert 0.09 <= load.lengths[0] < 2
    assert load.first < load.lengths[0] - 0.05


def test_an_error_is_no_result():
    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(_asked("HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}"))
    assert caught.group_contains(Failed, match="401")


async def _asked(answer: str) -> Load:
    """Asks a server that gives this answer."""

    ended = asyncio.Event()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for byte in answer.encode():
            writer.write(bytes([byte]))
            await writer.drain()
        writer.close()
        ended.set()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        try:
            return await client.http(f"http://127.0.0.1:{port}/v1", "none", {"model": "x"}, connections=1)
        finally:
            await ended.wait()


class Remembered:
    """A connection that numbers its answers."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, str]] = []

    async def ask(self, body: bytes) -> Answer:
        self.bodies.append(json.loads(body))
        return Answer(0.0, None, 1.0, 0, b'{"id":"resp_%d","object":"response"' % len(self.bodies))


async def test_a_chain_goes_on_from_the_last_response_and_never_grows_past_its_length():
    connection = Remembered()
    asker = Asker(connection, {"model": "paced-5-10"}, chained=True)
    await asker.prepare()
    assert [body["model"] for body in connection.bodies] == ["burst-1"] * SHORTEST
    for _ in range(LONGEST - SHORTEST + 2):
        await asker.ask()
    asked = [body.get("previous_response_id") for body in connection.bodies]
    assert asked[: LONGEST + 1] == [None, *(f"resp_{n}" for n in range(1, LONGEST + 1))]
    # The chain was taken up again behind its prepared part, with the last response as its next link.
    assert asked[LONGEST + 1] == f"resp_{LONGEST + 1}"
    assert connection.bodies[-1]["model"] == "paced-5-10"


def test_the_report_has_a_row_for_each_way_and_ratios_to_direct():
    direct = Row("direct", (0.001, 0.001), (0.05, 2.0), burst=1000.0, paced=100.0, requests=50.0)
    other = Row("other", (0.007, 0.9), (0.1, 5.0), burst=20.0, paced=20.0, requests=2.0)
    mine = Row("mine", (0.003, 0.004), (0.06, 2.01), 500.0, 99.0, 25e-6, (80.0, 120.0), 10.0)
    run = Run(1.0, {"direct": direct, "litellm": other, "http": mine})
    last = report.rows(run).splitlines()[-1]
    assert last.startswith(
        "| mine | 2.0 / 3.0 ms | 10.0 / 10.0 ms | 0.200 (10/s, 5.0 times LiteLLM's) | 0.500 | 0.990 |"
    )
    assert last.endswith("| 25 µs | 80 → 120 MB |")


def test_the_report_takes_the_place_of_the_last_one(tmp_path):
    document = tmp_path / "performance.md"
    text = report.DOCUMENT.read_text(encoding="utf-8")
    document.write_text(text, encoding="utf-8")
    for written in ("first", "second"):
        report.write(written, document)
    changed = document.read_text(encoding="utf-8")
    assert "second" in changed
    assert "first\n" not in changed
    assert changed.partition("<!--")[0] == text.partition("<!--")[0]
    assert changed.rpartition("-->")[2] == text.rpartition("-->")[2]
    document.write_text("nothing", encoding="utf-8")
    with pytest.raises(SystemExit, match="no place"):
        report.write("third", document)
