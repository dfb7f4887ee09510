"""Why an upstream refuses: told to the client by its code, asked of nobody else, and no more of its words than that."""

import time
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler
from typing import get_args

import pytest
from openai.types.responses import ResponseError
from openai.types.responses.response import IncompleteDetails

from chat.providers import codes, health
from chat.providers import stream as streams
from chat.providers.errors import ProviderError, UpstreamRefused, told
from tests import tool_api
from tests.asking import at, connections, refused
from tests.tool_api import Seen, ToolApi, reply
from tests.upstream import Step, Upstream, error, running, text

ENUMERATED = frozenset(get_args(ResponseError.model_fields["code"].annotation))
FALL_OVER = {"server_error", "rate_limit_exceeded"}


@pytest.fixture(autouse=True)
async def _connections(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(streams, "_FIRST_DELAY", 0.01)
    async with connections():
        yield


@pytest.fixture
def second() -> Iterator[Upstream]:
    with running() as started:
        yield started


@pytest.fixture
def raw() -> Iterator[ToolApi]:
    """An upstream whose every byte a test writes."""
    with tool_api.running() as api:
        yield api


def test_the_codes_are_those_of_the_sdk() -> None:
    assert codes.ENUMERATED == ENUMERATED
    assert ENUMERATED - FALL_OVER < codes.REFUSALS


@pytest.mark.parametrize("code", sorted(codes.REFUSALS))
async def test_a_reason_is_told_and_no_other_upstream_is_asked_or_blamed(
    code: str, upstream: Upstream, second: Upstream
) -> None:
    both = at(upstream.url), at(second.url, "two")
    failed = {"type": "error", "code": code, "message": "words of theirs", "param": None}
    upstream.queue(error(400, code), Step(output=text().output, extra=[(0, failed)], ending="none"))
    for _ in range(2):  # by its status, and at the stream's beginning
        found = await refused(*both)
        assert isinstance(found, UpstreamRefused)
        assert (found.code, found.status, found.as_error()["code"]) == (code, 400, code)
        assert "theirs" not in found.sentence
    assert not second.requests()
    assert not health._troubles


@pytest.mark.parametrize(
    "code", ["sk-planted-7f3a9c41e2", "upstream_key_refused", None, 7, {"a": 1}, ["invalid_image"]]
)
def test_a_code_that_is_not_listed_is_not_told(code: object) -> None:
    assert type(told({"code": code})) is ProviderError
    assert codes.refusal({"code": code}) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"invalid_image"',
        b'{"error":"invalid_image"}',
        b'{"code":"invalid_image"}',
        b'{"error":{"code":"invalid_image","message":"' + b"x" * codes.MOST_OF_A_BODY + b'"}}',
    ],
)
async def test_a_refusal_without_a_readable_reason_is_still_one(body: bytes, raw: ToolApi) -> None:
    raw.handle("/v1/responses", reply(body, status=400))
    found = await refused(at(f"{raw.url}/v1"))
    assert (type(found), found.code, found.status) == (UpstreamRefused, "upstream_refused", 400)


async def test_a_refusal_that_never_ends_is_not_waited_for(raw: ToolApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def behave(handler: BaseHTTPRequestHandler, _: Seen) -> None:
        handler.send_response(400)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"error":')
        handler.wfile.flush()
        time.sleep(1)

    raw.handle("/v1/responses", behave)
    monkeypatch.setattr(streams, "_BODY_SECONDS", 0.1)
    began = time.monotonic()
    assert (await refused(at(f"{raw.url}/v1"))).code == "upstream_refused"
    assert time.monotonic() - began < 1


def test_a_reason_that_no_type_knows_is_not_told() -> None:
    known = get_args(get_args(IncompleteDetails.model_fields["reason"].annotation)[0])
    assert set(known) == codes.REASONS
    for reason in known:
        assert codes.incomplete({"reason": reason, "words": "of theirs"}) == {"reason": reason}
    for nothing in (None, {}, {"reason": None}, "x"):
        assert codes.incomplete(nothing) == {"reason": "max_output_tokens"}
    odds: list[object] = ["sk-planted-7f3a9c41e2", 3, ["steered"], {}]
    for odd in odds:
        assert codes.incomplete({"reason": odd}) == {"reason": None, "deny_web:reason": "upstream"}


@pytest.mark.parametrize("code", [*sorted(codes.REFUSALS), "upstream_refused", "upstream_cut", "server_error", "new"])
def test_a_response_has_a_code_that_its_types_know_and_ours_beside_it(code: str) -> None:
    made = codes.of_response({"code": code, "message": "m"})
    assert made is not None
    ResponseError.model_validate_json(f'{{"code":"{made["code"]}","message":"m"}}', strict=True)
    assert made.get("deny_web:code", made["code"]) == code
    assert codes.of_response(made) == made
