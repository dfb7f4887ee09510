"""The offline demo model, over HTTP as any client meets it."""

import asyncio
import json
import subprocess
import sys
import time

import openai
import pytest

from chat.demo.app import _stream
from chat.demo.resource import resource
from chat.demo.stream import message
from tests.demo_client import EVERY_TOOL, INVOICE, WEATHER

pytest_plugins = ["tests.demo_fixtures"]


def test_it_says_that_it_is_the_offline_demo_model(say):
    for said in ("Who are you?", "Hello!", "help", "Is this sentence of any use?", "Are you GPT?"):
        assert "offline demo model" in say(said)


def test_it_takes_any_model_name_and_says_it_back(ask, demo):
    assert ask("hi")["model"] == "anything"
    assert demo.get("/v1/models").json()["data"][0]["object"] == "model"
    assert demo.get("/v1/models/open/ai").json()["id"] == "open/ai"


def test_the_sdk_streams_it_word_by_word(demo):
    with openai.OpenAI(base_url=f"{demo.base_url}/v1", api_key="any") as client:
        told = list(client.responses.create(model="m", input="Say: one two three", stream=True))
        deltas = [event.delta for event in told if event.type == "response.output_text.delta"]
        assert deltas == ["one", " two", " three"]
        assert client.models.list().data[0].owned_by == "deny_web (offline demo)"


def test_max_output_tokens_cut_the_answer(ask):
    cut = ask("write a long story", max_output_tokens=20)
    assert (cut["status"], cut["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert cut["output"][0]["status"] == "incomplete"
    assert cut["usage"]["output_tokens"] <= 20
    assert ask("Say: hi", max_output_tokens=20)["status"] == "completed"
    assert ask("Look up in_1", tools=EVERY_TOOL, max_output_tokens=1)["output"][0]["status"] == "incomplete"


def test_usage_adds_up(ask):
    usage = ask("write a long story")["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["output_tokens"] > 400


def test_samples_for_a_streaming_page(say):
    assert 350 < len(say("write a long story").split()) < 450
    assert len(say("write 1000 words").split()) == 1000
    markdown = say("show me some markdown")
    assert all(mark in markdown for mark in ("## ", "```python", "|---|", "1. ", "> ", "**bold**", "$a^2"))
    assert say("show me a table").startswith("|")
    assert say("Repeat after me: <img src=x onerror=alert(1)>") == "<img src=x onerror=alert(1)>"


def test_sums_and_memory(say):
    assert say("What is 12 * 7?") == "12 * 7 = 84"
    assert say("What is 2 + 3 * 4 - 1?") == "2 + 3 * 4 - 1 = 13"
    assert "zero" in say("What is 1 / 0?")
    earlier = [{"role": "user", "content": "My name is Alice."}, {"role": "assistant", "content": "Noted."}]
    assert say([*earlier, {"role": "user", "content": "What is my name?"}]) == "Your name is Alice."


def test_instructions_are_followed_where_the_rules_understand_them(say):
    assert say("Hello", instructions="Always end with 'Ahoy'").endswith(" Ahoy")
    assert say("Hello", instructions="Reply in upper case").isupper()
    developer = {"role": "developer", "content": 'Always say "pong"'}
    assert say([developer, {"role": "user", "content": "What?"}]) == "pong"


def test_images_are_counted_and_not_looked_at(say):
    parts = [{"type": "input_text", "text": "See"}, {"type": "input_image", "image_url": "data:image/png;base64,AA=="}]
    assert "1 image." in say([{"role": "user", "content": parts}])


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"[]", None),
        (b'{"input": "hi"}', "model"),
        (b'{"model": 1, "input": "hi"}', "model"),
        (b'{"model": "m"}', "input"),
        (b'{"model": "m", "input": 7}', "input"),
        (b'{"model": "m", "input": ["x"]}', "input[0]"),
        (b'{"model": "m", "input": "x", "tools": {}}', "tools"),
        (b'{"model": "m", "input": "x", "tools": [{"type": "function"}]}', "tools[0].name"),
        (b'{"model": "m", "input": "x", "tool_choice": {"type": "function", "name": "no"}}', "tool_choice"),
        (b'{"model": "m", "input": "x", "max_output_tokens": 0}', "max_output_tokens"),
        (b'{"model": "m", "input": "x", "stream": "yes"}', "stream"),
        (b'{"model": "m", "input": "x", "temperature": NaN}', None),
        (b'{"model": "m", "input": "x", "text": {"format": {"type": "xml"}}}', "text.format"),
        (b'{"model": "m", "input": "x", "previous_response_id": "resp_x"}', "previous_response_id"),
        (b"[" * 100_000, None),
        (b"\xff\xfe", None),
    ],
)
def test_bad_bodies_get_the_errors_shape(demo, body, param):
    answer = demo.post("/v1/responses", content=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


@pytest.mark.parametrize(
    "body",
    [
        {"input": "look up \ud800 in_1"},
        {"input": [{"role": "user", "content": [1, None, {"type": "x"}]}]},
        {"input": [{"type": "function_call_output", "call_id": None, "output": 7}]},
        {"input": []},
        {"input": "look up in_1", "tools": [{**INVOICE, "parameters": {"type": 7, "properties": [], "required": {}}}]},
        {"input": "x_1", "tools": [{**INVOICE, "parameters": {"properties": {"id": True, "a": {"maxLength": "x"}}}}]},
        {
            "input": "hi",
            "tools": [{"type": "function", "name": "f", "parameters": {"$ref": "#"}}],
            "tool_choice": "required",
        },
        {"input": "a" * 1_000_000},
        {"input": "1" * 19_000, "tools": [INVOICE]},
        {"input": "1 " * 9_000 + "look up in_1", "tools": [INVOICE]},
        {"input": "a." * 9_000 + "@" * 900, "tools": [INVOICE]},
        {"input": "_a" * 9_000, "tools": [INVOICE]},
        {"input": "Look up A" + " and A" * 3_000, "tools": [WEATHER]},
        {"input": "(" * 50_000 + "1 + 1"},
    ],
)
def test_strange_bodies_are_answered(demo, body):
    started = time.monotonic()
    answer = demo.post("/v1/responses", content=json.dumps({"model": "m", **body}))
    assert answer.status_code == 200
    answer.json()
    assert time.monotonic() - started < 30


def test_unknown_addresses_methods_and_hosts(demo):
    assert demo.get("/v1/nothing").json()["error"]["type"] == "invalid_request_error"
    assert demo.get("/v1/responses").status_code == 405
    assert demo.get("/v1/models", headers={"host": "attacker.example"}).status_code == 400


def test_a_long_answer_keeps_its_pace_and_its_limit():
    async def seconds(text: str) -> float:
        started = time.monotonic()
        async for _ in _stream(resource({"model": "m"}, [message(text)]), 0.01):
            pass
        return time.monotonic() - started

    assert 0.08 < asyncio.run(seconds("word " * 10)) < 30


def test_the_demo_starts_without_django():
    code = "import sys, chat.demo.app; print(sorted({'django', 'celery', 'openai', 'pydantic'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
