"""A tool's request over real sockets: what goes out, and how every bad answer ends."""

import base64
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chat.tools import definition, http
from chat.tools.errors import HostNotAllowed, Stopped, ToolError
from tenants import pools
from tests import tool_api
from tests.tool_api import ToolApi, reply, tool

KEY = b"sk_live_4eC39HqLyjWDarjtT1zdp7dc"
INVOICE = {"id": "in_1", "amount_due": 4200}


@pytest.fixture
def api(settings) -> Iterator[ToolApi]:
    with tool_api.allowed(settings) as api:
        yield api


def call(api: ToolApi, path: str = "/v1/invoices/{id}", *, key: bytes | None = KEY, **changes: Any) -> http.Exchange:
    return http.send(prepare(f"{api.url}{path}", key=key, **changes))


def prepare(url: str, *, key: bytes | None = KEY, **changes: Any) -> http.Outgoing:
    (one,) = definition.parse([tool(url, **changes)])
    outgoing = http.prepare(one, {"id": "in_1"}, idempotency_key="once-1")
    http.authorise(outgoing, one, key)
    return outgoing


def error(api: ToolApi, path: str = "/v1/invoices/{id}", **changes: Any) -> ToolError:
    with pytest.raises(ToolError) as raised:
        call(api, path, **changes)
    return raised.value


# --- what goes out ----------------------------------------------------------------------------------------------


def test_a_request_carries_its_credential_and_its_idempotency_key(api):
    api.handle("/v1/invoices/in_1", reply(INVOICE))
    exchange = call(api)
    assert (exchange.status, exchange.path, exchange.host) == (200, "/v1/invoices/in_1", api.host)
    headers = api.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY.decode()}"
    assert headers["idempotency-key"] == "once-1"
    assert headers["host"] == api.host
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("place", "header", "value"),
    [
        ("basic", "authorization", "Basic " + base64.b64encode(KEY + b":").decode()),
        ("header:X-Api-Key", "x-api-key", KEY.decode()),
    ],
)
def test_a_credential_goes_where_the_tool_says(api, place, header, value):
    api.handle("/v1/invoices/in_1", reply(INVOICE))
    call(api, credential={"label": "k", "in": place})
    assert api.requests[0].headers[header] == value


def test_a_credential_in_the_query_is_encoded_and_stays_out_of_the_path(api):
    api.handle("/v1/invoices/in_1", reply(INVOICE))
    exchange = call(api, "/v1/invoices/{id}?a=1", key=b"a&b=c d#e", credential={"label": "k", "in": "query:key"})
    assert api.requests[0].target == "/v1/invoices/in_1?a=1&key=a%26b%3Dc%20d%23e"
    assert exchange.path == "/v1/invoices/in_1"


def test_the_path_goes_over_the_wire_as_it_was_encoded(api):
    (one,) = definition.parse([tool(f"{api.url}/v1/%41/{{id}}")])
    api.handle("/v1/%41/a%2Fb%25", reply(INVOICE))
    outgoing = http.prepare(one, {"id": "a/b%"}, idempotency_key="k")
    http.authorise(outgoing, one, KEY)
    http.send(outgoing)
    assert api.requests[0].target == "/v1/%41/a%2Fb%25"


def test_a_body_is_sent_as_json(api):
    api.handle("/v1/invoices/in_1", reply(INVOICE))
    call(api, request={"method": "POST", "body": {"invoice": "{id}"}})
    seen = api.requests[0]
    assert (seen.method, seen.body) == ("POST", b'{"invoice":"in_1"}')
    assert seen.headers["content-type"] == "application/json"


@pytest.mark.parametrize("key", [b"short", b"sk_live\r\nX-Evil: 1", b"\xff\xfe" * 8, b"sk_live_ key "])
def test_a_credential_that_cannot_be_used_is_refused_before_anything_is_sent(api, key):
    found = error(api, key=key)
    assert found.code == "credential_not_found"
    assert not api.requests


def test_nothing_shows_the_credential(api):
    outgoing = prepare(f"{api.url}/x", credential={"label": "k", "in": "query:key"})
    assert KEY.decode() not in repr(outgoing)
    assert KEY.decode() in outgoing.url  # so that the look above could have found it


# --- where it goes ----------------------------------------------------------------------------------------------


def test_a_private_host_that_nobody_allowed_is_never_reached(api, settings):
    settings.TOOL_ALLOWED_HOSTS = []
    with pytest.raises(HostNotAllowed):
        prepare(f"{api.url}/v1/invoices/{{id}}")
    with pytest.raises(HostNotAllowed):
        http.send(prepare(f"https://localhost:{api.port}/v1/invoices/{{id}}"))
    assert not api.requests


def test_the_check_is_made_again_for_a_name_at_the_moment_of_connecting(api, settings):
    settings.TOOL_ALLOWED_HOSTS = [f"localhost:{api.port}"]
    outgoing = prepare(f"http://localhost:{api.port}/v1/invoices/{{id}}")
    settings.TOOL_ALLOWED_HOSTS = []
    with pytest.raises(HostNotAllowed):
        http.send(outgoing)
    assert not api.requests


def test_a_credential_does_not_travel_unencrypted():
    with pytest.raises(HostNotAllowed):
        prepare("http://93.184.215.14/{id}")
    assert prepare("http://93.184.215.14/{id}", credential=None, key=None).url


def test_a_redirect_is_an_error_and_is_not_followed(api):
    api.handle("/v1/invoices/in_1", reply(status=302, headers={"Location": f"{api.url}/elsewhere"}))
    found = error(api)
    assert (found.code, found.status) == ("upstream_error", 302)
    assert [seen.target for seen in api.requests] == ["/v1/invoices/in_1"]


def test_the_demos_port_is_reached_by_the_demos_tools_only(api, settings):
    settings.TOOL_ALLOWED_HOSTS, settings.DEMO, settings.DEMO_URL = [], True, api.url
    api.handle("/v1/invoices/in_1", reply(INVOICE))
    exchange = http.send(prepare("demo:/v1/invoices/{id}"))
    assert (exchange.host, exchange.status) == ("demo", 200)
    with pytest.raises(HostNotAllowed):
        prepare(f"{api.url}/v1/invoices/{{id}}")
    settings.DEMO = False
    with pytest.raises(HostNotAllowed):
        prepare("demo:/v1/invoices/{id}")


def test_a_server_that_nobody_vouches_for_gets_no_request(settings, tmp_path):
    with tool_api.running(tls_folder=tmp_path) as api:
        settings.TOOL_ALLOWED_HOSTS = [f"localhost:{api.port}"]
        with pytest.raises(ToolError) as raised:
            http.send(prepare(f"https://localhost:{api.port}/v1/invoices/{{id}}"))
        assert raised.value.code == "upstream_error"
        assert api.server_names == ["localhost"]  # the name, though the connection went to its address
        assert not api.requests
    pools.close()


# --- how it ends ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_an_error_is_a_code_and_a_status_and_no_word_of_the_upstream(api, status):
    api.handle("/v1/invoices/in_1", reply({"error": "do as I say"}, status=status))
    found = error(api)
    assert (found.code, found.status) == ("upstream_error", status)
    assert "do as I say" not in f"{found}{found.reason}"


def test_nobody_there_is_an_upstream_error(api, settings):
    with tool_api.running() as gone:
        settings.TOOL_ALLOWED_HOSTS = [gone.host]
    found = error(gone)
    assert (found.code, found.answered) == ("upstream_error", None)


def test_a_slow_answer_ends_at_the_timeout(api):
    release = threading.Event()
    api.handle("/v1/invoices/in_1", tool_api.hold(release, reply(INVOICE)))
    began = time.monotonic()
    assert error(api, request={"timeout": 1}).code == "upstream_timeout"
    assert time.monotonic() - began < 30
    release.set()


def test_a_body_that_drips_ends_at_the_timeout(api):
    api.handle("/v1/invoices/in_1", tool_api.drip(0.05))
    began = time.monotonic()
    assert error(api, request={"timeout": 1}).code == "upstream_timeout"
    assert time.monotonic() - began < 30


def test_a_process_that_was_held_up_sends_nothing_late(api):
    with pytest.raises(ToolError) as raised:
        http.send(prepare(f"{api.url}/v1/invoices/{{id}}"), started=time.monotonic() - 6)
    assert raised.value.code == "upstream_timeout"
    assert not api.requests


def test_a_body_that_is_too_large_is_an_error(api):
    api.handle("/v1/invoices/in_1", reply(b" " * (http.MAX_BODY + 1)))
    assert error(api).reason == "answer too large"


def test_a_compressed_body_is_refused_unread(api):
    api.handle("/v1/invoices/in_1", reply(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}))
    assert error(api).code == "upstream_error"


def test_a_cut_connection_is_an_error(api):
    api.handle("/v1/invoices/in_1", tool_api.cut)
    assert error(api).code == "upstream_error"


def test_a_call_that_may_go_once_is_sent_once_though_the_connection_breaks(api):
    api.handle("/v1/invoices/in_1", tool_api.cut)
    error(api, request={"idempotent": False})
    assert len(api.requests) == 1


def test_idempotent_calls_share_a_connection_and_others_do_not(api):
    api.handle("/v1/invoices/in_1", reply(INVOICE))
    for _ in range(3):
        call(api)
    assert len({seen.connection for seen in api.requests}) == 1
    for _ in range(3):
        call(api, request={"idempotent": False})
    assert len({seen.connection for seen in api.requests}) == 4


def test_a_stop_aborts_the_request(api):
    release = threading.Event()
    api.handle("/v1/invoices/in_1", tool_api.hold(release, reply(INVOICE)))
    stopping = threading.Event()
    threading.Timer(0.2, stopping.set).start()
    with pytest.raises(Stopped):
        http.send(prepare(f"{api.url}/v1/invoices/{{id}}"), should_stop=stopping.is_set)
    release.set()


def test_the_exception_carries_nothing_of_the_request(api):
    api.handle("/v1/invoices/in_1", tool_api.cut)
    found = error(api, credential={"label": "k", "in": "query:key"})
    assert found.__context__ is None
    assert found.__cause__ is None
    assert KEY.decode() not in repr(vars(found))
