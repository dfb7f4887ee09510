"""The scripted upstream itself: what it sends is what the SDK's types say, and what it spoils is spoilt."""

import http.client
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.upstream import Step, Upstream, calls, error, items, refusal, running, text, thinking, unknown
from tests.upstream.frames import LONG
from tests.upstream.shapes import check_event, check_response, check_stream
from tests.upstream.sse import events

Json = dict[str, Any]

LEGAL = ["crlf", "cr", "comments", "no_event_names", "split_data_lines", "split_utf8", "one_byte_writes", "done_marker"]
WELL_FORMED = {
    "text": text("Grüße aus dem Norden. " * 10, deltas=7),
    "empty text": text(""),
    "calls": calls(("get_invoice", {"id": "in_1"}), ("get_invoice", {"id": "in_2"}), said="A moment."),
    "bad arguments": calls(("get_invoice", '{"id": ')),
    "thinking": thinking("First this.", "Then that.", then=text("Done.")),
    "refusal": refusal(),
    "incomplete": text("cut sho", ending="incomplete"),
    "failed": text("oh", ending="failed"),
}


@pytest.fixture(scope="module")
def server():
    with running() as started:
        yield started


@pytest.fixture
def upstream(server):
    server.reset()
    return server


def post(upstream: Upstream, body: Json | None = None) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(upstream.address, timeout=10)
    try:
        connection.request("POST", "/v1/responses", json.dumps({"model": "m", "input": "hi", **(body or {})}))
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def stream(upstream: Upstream, step: Step, **body: Any) -> bytes:
    upstream.queue(step)
    return post(upstream, {"stream": True, **body})[2]


@pytest.mark.parametrize("name", WELL_FORMED)
def test_well_formed_steps_are_what_the_sdk_declares(upstream, name):
    step = WELL_FORMED[name]
    told = check_stream(events(stream(upstream, step)))
    upstream.queue(step)
    whole = json.loads(post(upstream)[2])
    check_response(whole)
    assert told["status"] == whole["status"] == (step.ending if step.ending != "none" else "completed")
    upstream.assert_used()


def test_checks_find_a_missing_an_unknown_and_a_mistyped_field():
    good = {"type": "response.output_text.delta", "sequence_number": 1, "item_id": "msg_1", "output_index": 0}
    good |= {"content_index": 0, "delta": "x", "logprobs": []}
    check_event(good)
    for spoilt in ({**good, "surprise": 1}, {**good, "delta": 7}, {k: v for k, v in good.items() if k != "logprobs"}):
        with pytest.raises((AssertionError, ValueError)):
            check_event(spoilt)


def test_encrypted_reasoning_only_for_those_who_ask(upstream):
    step = thinking("Hm.", encrypted="SEALED")
    assert b"SEALED" not in stream(upstream, step)
    assert b"SEALED" in stream(upstream, step, include=["reasoning.encrypted_content"])
    assert b"SEALED" in stream(upstream, step.but(seals=True))


def test_it_keeps_nothing_and_knows_no_reasoning_by_its_id_alone(upstream):
    item = {"type": "reasoning", "id": "rs_1", "summary": []}
    upstream.queue(text())
    status, _, body = post(upstream, {"input": [item]})
    assert status == 404
    assert b"Item with id 'rs_1' not found." in body
    assert post(upstream, {"input": [{**item, "encrypted_content": "SEALED"}]})[0] == 200


def test_the_sdk_reads_it(upstream):
    upstream.queue(calls(("get_invoice", {"id": "in_1"})), text("Thanks", deltas=3), error(429, retry_after=0), text())
    with openai.OpenAI(base_url=upstream.url, api_key="k", max_retries=1) as client:
        made = client.responses.create(model="m", input="hi")
        assert made.output[0].type == "function_call"
        told = client.responses.create(model="m", input="hi", stream=True)
        assert [event.delta for event in told if "delta" in event.type] == ["Th", "an", "ks"]
        assert client.responses.create(model="m", input="hi").output_text == "Hello from the scripted upstream."
    assert [each["body"]["input"] for each in upstream.requests()] == ["hi"] * 4
    assert upstream.requests()[0]["headers"]["authorization"] == "Bearer k"


def test_errors_carry_their_headers(upstream):
    limited = error(429, "rate_limit_exceeded", retry_after=1.5)
    upstream.queue(limited, Step(status=502, error="<html>bad gateway</html>"))
    status, headers, body = post(upstream)
    assert (status, headers["retry-after"]) == (429, "1.5")
    assert json.loads(body)["error"]["code"] == "rate_limit_exceeded"
    assert post(upstream)[::2] == (502, b"<html>bad gateway</html>")


def test_unknown_types_stand_between_known_ones(upstream):
    kinds = [event["type"] for event in events(stream(upstream, unknown()))]
    assert "response.future.event" in kinds
    assert kinds[-1] == "response.completed"


def test_steps_wait_for_their_model(upstream):
    upstream.queue(text("slow", model="a"), text("quick", model="b"))
    assert b"quick" in post(upstream, {"model": "b"})[2]
    assert b"slow" in post(upstream, {"model": "a"})[2]


def test_a_step_can_answer_any_number_of_requests(upstream):
    upstream.queue(text("same", times=0))
    assert all(b"same" in post(upstream)[2] for _ in range(3))
    upstream.assert_used()


def test_an_unused_step_and_an_unscripted_request_are_failures(upstream):
    upstream.queue(text())
    with pytest.raises(AssertionError, match="not used"):
        upstream.assert_used()
    post(upstream)
    upstream.assert_used()
    assert post(upstream)[0] == 400
    with pytest.raises(AssertionError, match="no step"):
        upstream.assert_used()


@pytest.mark.parametrize("fault", ["cut", "reset"])
@pytest.mark.parametrize("after", range(10))
def test_a_broken_connection_at_every_event(upstream, fault, after):
    whole = len(events(stream(upstream, text("ab", deltas=2))))
    assert whole == 10
    upstream.queue(text("ab", deltas=2, fault=fault, after=after))
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        post(upstream, {"stream": True})
    seen = upstream.wait_state("faulted")[-1]
    assert seen["events"] == after


def test_a_held_answer_goes_on_when_released(upstream):
    upstream.queue(text("ab", deltas=2, fault="hold", after=5))
    connection = http.client.HTTPConnection(upstream.address, timeout=10)
    connection.request("POST", "/v1/responses", json.dumps({"model": "m", "input": "hi", "stream": True}))
    answer = connection.getresponse()
    assert upstream.wait_state("held")[0]["events"] == 5
    upstream.release()
    check_stream(events(answer.read()))
    connection.close()


@pytest.mark.parametrize("step", [text(fault="stall", after=3), text("x" * 100, deltas=100, delay=0.05)])
def test_a_client_that_goes_away_is_seen(upstream, step):
    upstream.queue(step)
    connection = http.client.HTTPConnection(upstream.address, timeout=10)
    connection.request("POST", "/v1/responses", json.dumps({"model": "m", "input": "hi", "stream": True}))
    answer = connection.getresponse()
    answer.read(100)
    answer.close()
    connection.close()
    upstream.wait_state("client_gone")


def test_delays_are_kept(upstream):
    started = time.monotonic()
    stream(upstream, text("abcd", deltas=4, delay=0.05, wait=0.1))
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("kind", LEGAL)
def test_odd_but_legal_streams_say_the_same(upstream, kind):
    final = check_stream(events(stream(upstream, text("Grüße ☃", deltas=2, malformed=[kind]))))
    assert final["output"][0]["content"][0]["text"] == "Grüße ☃"


def test_malformed_streams_are_malformed(upstream):
    def told(*malformed: str, **more: Any) -> bytes:
        return stream(upstream, text("ab", deltas=2, malformed=malformed, **more))

    def numbers(body: bytes) -> list[int | None]:
        return [event.get("sequence_number") for event in events(body)]

    assert numbers(told("missing_numbers")) == list(range(0, 20, 2))
    assert numbers(told("doubled_numbers")) == [place // 2 for place in range(10)]
    assert numbers(told("no_numbers")) == [None] * 10
    assert [event["type"] for event in events(told("two_endings"))][-2:] == ["response.completed"] * 2
    assert events(told("events_after_ending"))[-1]["type"].endswith(".delta")
    assert told("bom").startswith(b"\xef\xbb\xbfevent:")
    assert len(told("long_comment")) > LONG
    assert len(max(stream(upstream, text("x" * LONG, deltas=1)).split(b"\n"), key=len)) > LONG
    with pytest.raises(json.JSONDecodeError):
        events(told("bad_json"))
    assert b"data: [1, 2, 3]" in told("not_objects")
    assert b"completed" not in stream(upstream, text("ab", ending="none")).split(b"event:")[-1][:20]
    assert events(stream(upstream, text("ab", ending="error")))[-1]["type"] == "error"
    assert post_empty(upstream) == b""


def post_empty(upstream: Upstream) -> bytes:
    upstream.queue(Step(error="", status=200))
    return post(upstream, {"stream": True})[2]


def test_it_runs_as_a_process_of_its_own(tmp_path: Path):
    script = tmp_path / "script.json"
    script.write_text(json.dumps([text("from the file").to_json()]))
    command = [sys.executable, "-m", "tests.upstream", "--script", str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            upstream = Upstream(process.stdout.readline().strip())
            assert b"from the file" in post(upstream)[2]
            upstream.queue(items())
            assert json.loads(post(upstream)[2])["output"] == []
            upstream.assert_used()
        finally:
            process.kill()
