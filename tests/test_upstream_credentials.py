"""How upstreams know us: keys, Bedrock and keyless ones, against loopback stubs; and that nothing of it comes back."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from chat.models import Provider
from chat.providers import client
from chat.providers import stream as streams
from chat.providers.check import try_upstream
from chat.providers.errors import UpstreamKeyRefused, UpstreamUnavailable, UpstreamUnfit
from chat.providers.identity import Identity
from tests import tool_api
from tests.asking import KEY, at, connections, refused, said
from tests.tool_api import Seen, ToolApi, reply
from tests.upstream import Upstream, error, text

Kind = Provider.Kind
SUBJECT = "eyJ-subject-token-of-this-machine"
EXCHANGE = "/oauth/token"


@pytest.fixture(autouse=True)
async def _connections(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr(streams, "_FIRST_DELAY", 0.01)
    async with connections():
        yield


@pytest.fixture
def exchange() -> Iterator[ToolApi]:
    """Where a keyless upstream's tokens come from; numbered, so that a new one can be told."""
    with tool_api.running() as api:
        made: list[str] = []

        def give(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
            made.append(f"token-{len(made) + 1}")
            reply({"access_token": made[-1], "expires_in": 3600})(handler, seen)

        api.handle(EXCHANGE, give)
        yield api


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "service-account-token"
    path.write_text(f"{SUBJECT}\n")
    return path


def keyless(url: str, exchange: ToolApi, token_file: Path, name: str = "keyless") -> Any:
    ours = Identity("idp_1", "sa_1", str(token_file), f"{exchange.url}{EXCHANGE}")
    return at(url, name, kind=Kind.IDENTITY, key=ours.as_key())


def authorizations(upstream: Upstream) -> list[str]:
    return [request["headers"]["authorization"] for request in upstream.requests()]


async def test_a_key_and_headers_go_to_their_upstream(upstream: Upstream) -> None:
    upstream.queue(text("Hello."))
    assert (await said(at(upstream.url, headers=(("x-tfy-provider-name", "main"),))))[0] == "Hello."
    (request,) = upstream.requests()
    assert request["headers"]["authorization"] == f"Bearer {KEY}"
    assert request["headers"]["x-tfy-provider-name"] == "main"


async def test_bedrock_is_asked_through_the_sdk_s_client(upstream: Upstream) -> None:
    upstream.queue(text("From Bedrock."))
    one = at(upstream.url, "bedrock", kind=Kind.BEDROCK)
    assert type(client.client(one).sdk).__name__ == "AsyncBedrockOpenAI"
    assert (await said(one))[0] == "From Bedrock."
    assert await client.models(one) == ["scripted"]
    assert authorizations(upstream) == [f"Bearer {KEY}"] * 2


async def test_bedrock_without_a_key_does_not_take_this_server_s(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", "the-server-s-own-credential")
    monkeypatch.setenv("AWS_BEDROCK_BASE_URL", "http://127.0.0.1:9/")
    upstream.queue(error(401))
    assert isinstance(await refused(at(upstream.url, "bedrock", kind=Kind.BEDROCK, key="none")), UpstreamKeyRefused)
    assert authorizations(upstream) == ["Bearer none"]


async def test_a_bedrock_address_of_another_scheme_is_refused_before_the_key_leaves() -> None:
    one = at("http://bedrock-mantle.us-east-1.api.aws/openai/v1", "bedrock", kind=Kind.BEDROCK)
    assert isinstance(await refused(one), UpstreamUnfit)


async def test_a_keyless_upstream_gets_a_token_in_exchange(
    upstream: Upstream, exchange: ToolApi, token_file: Path
) -> None:
    upstream.queue(text("One."), text("Two."))
    one = keyless(upstream.url, exchange, token_file)
    for expected in ("One.", "Two."):
        assert (await said(one))[0] == expected
    assert await client.models(one) == ["scripted"]
    assert authorizations(upstream) == ["Bearer token-1"] * 3  # kept until shortly before its end
    (asked,) = exchange.requests
    assert json.loads(asked.body) == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": SUBJECT,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "identity_provider_id": "idp_1",
        "service_account_id": "sa_1",
    }
    assert SUBJECT not in json.dumps(upstream.requests())


async def test_a_token_that_was_revoked_is_exchanged_anew_once(
    upstream: Upstream, exchange: ToolApi, token_file: Path
) -> None:
    upstream.queue(error(401), text("Again."), error(401, times=2))
    one = keyless(upstream.url, exchange, token_file)
    assert (await said(one))[0] == "Again."
    assert authorizations(upstream) == ["Bearer token-1", "Bearer token-2"]
    assert isinstance(await refused(one), UpstreamKeyRefused)


@pytest.mark.parametrize(
    ("status", "kind"), [(400, UpstreamKeyRefused), (401, UpstreamKeyRefused), (500, UpstreamUnavailable)]
)
async def test_an_exchange_that_gives_none(
    status: int, kind: type[Exception], exchange: ToolApi, token_file: Path, upstream: Upstream
) -> None:
    body = {"error": "invalid_grant", "error_description": f"{SUBJECT} is not known at http://secret.example"}
    exchange.handle(EXCHANGE, reply(body, status=status))
    found = await refused(keyless(upstream.url, exchange, token_file))
    assert type(found) is kind
    assert SUBJECT not in str(found)
    assert not upstream.requests()


@pytest.mark.parametrize("content", [None, "", "\xff\xfe"])
async def test_a_token_file_that_says_nothing(
    content: str | None, exchange: ToolApi, tmp_path: Path, upstream: Upstream
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content.encode("latin-1"))
    found = await refused(keyless(upstream.url, exchange, path))
    assert isinstance(found, UpstreamKeyRefused)
    assert str(tmp_path) not in str(found)
    assert not exchange.requests


class Echo:
    """An upstream that repeats its request, key and address included, in each of its errors."""

    def __init__(self, api: ToolApi) -> None:
        self.api = api
        self.url = f"{api.url}/v1"

    def answers(self, status: int) -> None:
        def behave(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
            message = f"{seen.headers} {self.url} {seen.target} says {status}"
            body = {"error": {"message": message, "type": message, "code": message, "param": message}}
            reply(body, status=status, headers={"x-echo": seen.headers["authorization"]})(handler, seen)

        for path in ("/v1/responses", "/v1/models", "/v1/responses/input_tokens"):
            self.api.handle(path, behave)

    def streams(self) -> None:
        def behave(handler: BaseHTTPRequestHandler, seen: Seen) -> None:
            message = f"{seen.headers} {self.url}"
            event = {"type": "error", "message": message, "code": message, "param": message}
            reply(f"data: {json.dumps(event)}\n\n".encode(), headers={"Content-Type": "text/event-stream"})(
                handler, seen
            )

        self.api.handle("/v1/responses", behave)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with tool_api.running() as api:
        yield Echo(api)


@pytest.mark.parametrize("kind", [Kind.RESPONSES, Kind.BEDROCK, Kind.IDENTITY])
async def test_an_upstream_that_repeats_key_and_address_is_not_repeated(
    kind: Kind, echo: Echo, exchange: ToolApi, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("openai").setLevel(logging.WARNING)  # as the settings have it
    one = keyless(echo.url, exchange, token_file) if kind == Kind.IDENTITY else at(echo.url, "echo", kind=kind)
    told: list[str] = []
    for status in (301, 400, 401, 403, 404, 409, 422, 429, 500, 503):
        echo.answers(status)
        found = await refused(one)
        told += [str(found), repr(found), str(found.as_error()), (await try_upstream(one)).sentence]
        told.append(str(await client.count_tokens(one, {"model": "m", "input": "hi"})))
    echo.streams()
    told.append(str((await refused(one)).as_error()))
    seen = [request.headers["authorization"].removeprefix("Bearer ") for request in echo.api.requests]
    assert len(seen) > 20
    for secret in {*seen, KEY, SUBJECT, echo.api.host}:
        for sentence in told:
            assert secret not in sentence
        assert secret not in "\n".join(f"{record.getMessage()} {record.exc_text}" for record in caplog.records)
