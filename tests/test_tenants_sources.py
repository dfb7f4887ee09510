"""Where a request came from, without a word of the caller's own in it."""

from typing import Any

import pytest

from tenants import sources

BAIT = "sk_live_51Hq8ZxAbCdEfGhIjKlMnOpQr9StUv"


def scope(path: str = "/v1/models", host: object = "203.0.113.7", **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": path, "client": (host, 4711), **more}


def test_address_and_route_are_told() -> None:
    assert sources.of(scope()) == "203.0.113.7, GET /v1/models"
    assert (
        sources.of({**scope("/v1/responses", "2001:DB8::1"), "type": "websocket"})
        == "2001:db8::1, socket /v1/responses"
    )
    assert sources.of(None) == ""


@pytest.mark.parametrize("host", ["", "unknown", BAIT, "<b>", "1.2.3.4:5", None])
def test_what_is_no_address_is_not_told(host: object) -> None:
    assert sources.of(scope(host=host)) == "an unknown address, GET /v1/models"
    assert sources.of({**scope(), "client": None}) == "an unknown address, GET /v1/models"


def test_a_zone_is_not_told() -> None:
    assert sources.of(scope(host=f"fe80::1%{BAIT}")) == "fe80::1, GET /v1/models"


@pytest.mark.parametrize(
    ("path", "parameters", "told"),
    [
        (f"/v1/responses/{BAIT}", {"response_id": BAIT}, "/v1/responses/{response_id}"),
        (f"/v1/models/a/{BAIT}", {"model": f"a/{BAIT}"}, "/v1/models/{model}"),
        (
            f"/v1/conversations/{BAIT}/items/{BAIT}",
            {"conversation_id": BAIT, "item_id": BAIT},
            "/v1/conversations/{conversation_id}/items/{item_id}",
        ),
        (
            f"/v1/conversations/i/items/{BAIT}",
            {"conversation_id": "i", "item_id": BAIT},
            "/v1/conversations/{conversation_id}/items/{item_id}",
        ),
        (
            f"/v1/conversations/{BAIT}/items/{BAIT}x",
            {"conversation_id": BAIT, "item_id": f"{BAIT}x"},
            "/v1/conversations/{conversation_id}/items/{item_id}",
        ),
    ],
)
def test_the_path_is_told_without_what_the_caller_put_into_it(path: str, parameters: dict[str, str], told: str) -> None:
    assert sources.of(scope(path, path_params=parameters)) == f"203.0.113.7, GET {told}"
