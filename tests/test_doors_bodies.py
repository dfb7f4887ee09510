"""JSON that comes in: what could not be stored or told again is refused at the door."""

import json

import orjson
import pytest
from hypothesis import given

from chat.doors import bodies
from chat.errors import ApiError
from chat.providers import sse
from tests.bodies import ANY


def refused(data: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        bodies.read(data)
    assert (caught.value.status, caught.value.code) == (400, "invalid_json")
    return caught.value


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


NUL = [b'"\\u0000"', b'{"\\u0000": 1}', b'[["\\u0000"]]']


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"NaN", b"1e999", b'"\\ud800"', b"\xef\xbb\xbf{}", *NUL])
def test_what_is_no_json_here(data):
    refused(data)


def test_depth_has_an_end_that_leaves_room_for_an_answer_around_it():
    assert bodies.read(nested(bodies.MAX_DEPTH))
    refused(nested(bodies.MAX_DEPTH + 1))
    refused(nested(1000))
    refused(nested(100_000))
    assert orjson.dumps([[[[bodies.read(nested(bodies.MAX_DEPTH))]]]])
    assert bodies.read(b"[" + b"[]," * 5000 + b"[]]")  # wide is not deep


def test_an_escaped_backslash_is_no_nul():
    assert bodies.read(b'"\\\\u0000"') == "\\u0000"


@given(ANY)
def test_everything_else_is_read_as_it_is(value):
    if "\\u0000" in (text := json.dumps(value)):
        return
    assert bodies.read(text.encode()) == orjson.loads(text)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b'"a\\u0000b"', "a\ufffdb"),
        (b'"\\u0000\\u0000"', "\ufffd\ufffd"),
        (b'"\\\\u0000"', "\\u0000"),
        (b'"\\\\\\u0000"', "\\\ufffd"),
        (b'"plain"', "plain"),
    ],
)
def test_an_upstream_s_nul_is_replaced(sent, read):
    assert sse.decoded(sent) == read
