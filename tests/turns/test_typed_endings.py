"""How responses end that did not complete, read by a client that takes its types at their word."""

import json
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from tests.infra.app import wait_for
from tests.upstream import Step, Upstream, error, text
from tests.workspace import Workspace

pytestmark = pytest.mark.e2e

EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def streamed(client: Any, **create: Any) -> Response:
    """The ending of a stream of which each event is as its type says."""
    with client.responses.with_streaming_response.create(model="m", input="hi", stream=True, **create) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]
    events = [EVENT.validate_json(line, strict=True) for line in lines]
    ended: Response = events[-1].response
    return ended


def stored(client: Any, response_id: str) -> Response:
    raw = client.responses.with_raw_response.retrieve(response_id).http_response.text
    return Response.model_validate_json(raw, strict=True)


@pytest.mark.parametrize(
    ("step", "code", "ours"),
    [
        (text("half of it", deltas=4, fault="cut", after=6), "server_error", "upstream_cut"),
        (text("half of it", ending="none"), "server_error", "upstream_cut"),
        (error(401), "server_error", "upstream_key_refused"),
        (error(400, "of-theirs"), "invalid_prompt", "upstream_refused"),
        (error(400, "context_length_exceeded"), "invalid_prompt", "context_length_exceeded"),
        (error(400, "invalid_image_url"), "invalid_image_url", None),
    ],
)
def test_a_failed_response_is_of_the_sdk_s_type(
    workspace: Workspace, upstream: Upstream, step: Step, code: str, ours: str | None
) -> None:
    upstream.queue(step)
    client = workspace.client()
    ended = streamed(client)
    for found in (ended, stored(client, ended.id)):
        assert found.status == "failed"
        assert found.error is not None
        assert found.error.code == code
        assert (found.error.model_extra or {}).get("deny_web:code") == ours


def test_an_incomplete_response_is_of_the_sdk_s_type(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(text("as far as it went", ending="incomplete"))
    client = workspace.client()
    ended = streamed(client)
    for found in (ended, stored(client, ended.id)):
        assert (found.status, found.error) == ("incomplete", None)
        assert found.incomplete_details is not None
        assert found.incomplete_details.reason == "max_output_tokens"


def test_a_cancelled_response_is_of_the_sdk_s_type(workspace: Workspace, upstream: Upstream) -> None:
    upstream.queue(text("slow", fault="hold", after=4))
    client = workspace.client()
    made = client.responses.create(model="m", input="hi", background=True)
    upstream.wait_requests(1)
    raw = client.responses.with_raw_response.cancel(made.id).http_response.text
    assert json.loads(raw)["status"] in ("cancelled", "in_progress")
    wait_for(lambda: stored(client, made.id).status == "cancelled", 30, "not cancelled")
    assert stored(client, made.id).error is None
