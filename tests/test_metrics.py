"""The metrics page and its counting, without the rest of the app."""

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse

from deny_web import metrics
from deny_web.metrics import Measured

pytestmark = pytest.mark.django_db(transaction=True)


def asked(authorization: str = "") -> Request:
    headers = [(b"authorization", authorization.encode())] if authorization else []
    return Request({"type": "http", "method": "GET", "path": "/metrics", "headers": headers, "query_string": b""})


async def status(authorization: str = "") -> int:
    return (await metrics.metrics(asked(authorization))).status_code


async def test_token_is_wanted_where_one_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await status() == 200
    monkeypatch.setenv("METRICS_TOKEN", "copper-finch-12")
    found = [
        await status(given) for given in ("", "Bearer copper-finch-1", "copper-finch-12", "Bearer copper-finch-12")
    ]
    assert found == [401, 401, 401, 200]


async def answer(app: Any, method: str = "GET", path: str = "/") -> list[dict[str, Any]]:
    """Serve one request through the counter; returns what was sent."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append({**message, "open": value("deny_web_open_requests"), "streams": value("deny_web_open_streams")})

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    await Measured(app)({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
    return sent


def value(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


async def test_request_is_counted_by_method_and_status() -> None:
    before = value("deny_web_requests_total", method="POST", status="404")
    await answer(PlainTextResponse("no", 404), "POST")
    assert value("deny_web_requests_total", method="POST", status="404") == before + 1


@pytest.mark.parametrize(("status", "counted"), [(200, "vault"), (302, "vault"), (403, "vault"), (500, "500")])
async def test_what_a_password_found_is_in_no_series(status: int, counted: str) -> None:
    before = value("deny_web_requests_total", method="POST", status=counted)
    await answer(PlainTextResponse("", status), "POST", "/t/acme/console/vault/4f/reveal/")
    assert value("deny_web_requests_total", method="POST", status=counted) == before + 1


async def test_made_up_methods_are_one_series() -> None:
    before = value("deny_web_requests_total", method="other", status="200")
    for method in ("BREW", "AAAA", "<script>"):
        await answer(PlainTextResponse("ok"), method)
    assert value("deny_web_requests_total", method="other", status="200") == before + 3


async def test_stream_is_open_until_it_ends() -> None:
    async def parts():
        yield b"data: 1\n\n"

    stream = StreamingResponse(parts(), media_type="text/event-stream")
    assert [message["streams"] for message in await answer(stream)][:2] == [1, 1]
    assert [value("deny_web_open_streams"), value("deny_web_open_requests")] == [0, 0]


async def test_failure_closes_what_it_opened() -> None:
    async def broken(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await answer(broken)
    assert [value("deny_web_open_streams"), value("deny_web_open_requests")] == [0, 0]
