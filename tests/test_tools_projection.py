"""A model sees what the projection lets through, and never an upstream's own words."""

import json
import time

import pytest

from chat.tools import projection
from chat.tools.errors import ToolError


def test_only_what_is_named_passes():
    body = json.dumps({"id": "in_1", "amount_due": 4200, "customer_email": "ada@example.com"}).encode()
    assert projection.project("{id: id, due: amount_due}", body, 200) == '{"id":"in_1","due":4200}'


def test_an_empty_answer_is_null():
    assert projection.project("@", b"", 204) == "null"


@pytest.mark.parametrize(
    "body", [b"<html>", b"{", b'{"a": NaN}', b"\xff\xfe", b"[" * 100_000, b'"' + b"9" * 10, b"1" * 5000]
)
def test_what_is_not_json_is_an_upstream_error(body):
    with pytest.raises(ToolError) as raised:
        projection.project("@", body, 200)
    assert raised.value.code == "upstream_error"


def test_an_expression_that_does_not_fit_the_answer_is_an_upstream_error():
    with pytest.raises(ToolError):
        projection.project("length(@)", b"7", 200)


def test_a_result_that_is_too_large_is_an_upstream_error():
    with pytest.raises(ToolError) as raised:
        projection.project("@", json.dumps("x" * projection.MAX_OUTPUT).encode(), 200)
    assert raised.value.reason == "answer too large"


def test_an_expression_that_doubles_its_value_ends():
    began = time.monotonic()
    with pytest.raises(ToolError):
        projection.project(" | ".join(["[@, @][]"] * 60), b"[1]", 200)
    assert time.monotonic() - began < 30


def test_a_lone_surrogate_does_not_break_the_worker():
    with pytest.raises(ToolError):
        projection.project("@", b'"\\ud800"', 200)
