"""What the demo model calls, and what it makes of the results."""

import json

import jsonschema
import pytest

from tests.demo_client import EVERY_TOOL, INVOICE, REFUND, Json, after_calls

pytest_plugins = ["tests.demo_fixtures"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Look up invoice in_1Abc123", [("get_invoice", {"id": "in_1Abc123"})]),
        ("Is in_1Abc123 paid?", [("get_invoice", {"id": "in_1Abc123"})]),
        ("Compare in_1A with in_2B, please", [("get_invoice", {"id": "in_1A"}), ("get_invoice", {"id": "in_2B"})]),
        ("What's the weather like in San Francisco?", [("get_weather", {"location": "San Francisco"})]),
        ("weather in paris in celsius", [("get_weather", {"location": "paris", "unit": "celsius"})]),
        (
            "The weather for Paris, Rome and Oslo",
            [("get_weather", {"location": place}) for place in ("Paris", "Rome", "Oslo")],
        ),
        ('Email bob@example.com "on my way"', [("send_email", {"to": "bob@example.com", "body": "on my way"})]),
        (
            "Refund charge ch_9 with an amount of 1,250 on 2026-03-01, it was fraudulent",
            [("create_refund", {"charge": "ch_9", "amount": 1250, "reason": "fraudulent", "on": "2026-03-01"})],
        ),
        (
            'Look up in_1A, then email ann@example.com "done"',
            [("get_invoice", {"id": "in_1A"}), ("send_email", {"to": "ann@example.com", "body": "done"})],
        ),
    ],
)
def test_it_calls_what_fits_with_arguments_from_the_message(called, said, expected):
    assert called(said) == expected


@pytest.mark.parametrize(
    "said", ["Hello", "What is the capital of France?", "Thanks for the invoice!", "Tell me a joke"]
)
def test_it_calls_nothing_where_nothing_fits(called, said):
    assert called(said) == []


def test_it_does_not_change_what_it_was_asked_to_look_at(called):
    delete = {**INVOICE, "name": "delete_invoice", "description": "Delete an invoice"}
    assert called("Look up invoice in_1", [delete]) == []
    assert called("Look up invoice in_1", [delete, INVOICE]) == [("get_invoice", {"id": "in_1"})]
    assert called("Delete invoice in_1", [delete, INVOICE]) == [("delete_invoice", {"id": "in_1"})]


def test_it_asks_for_an_id_instead_of_making_one_up(say, called):
    assert "Which invoice" in say("Show me the invoice", tools=EVERY_TOOL)
    asked = [
        {"role": "user", "content": "Show me the invoice"},
        {"role": "assistant", "content": "Which invoice do you mean?"},
        {"role": "user", "content": "in_1Abc123"},
    ]
    assert called(asked) == [("get_invoice", {"id": "in_1Abc123"})]


def test_try_again_repeats_the_last_request(called):
    said = [
        *after_calls("Look up in_1", ("get_invoice", {"id": "in_1"}, '{"error":"vault_locked","status":0}')),
        {"role": "assistant", "content": "The vault is locked."},
        {"role": "user", "content": "Try again"},
    ]
    assert called(said) == [("get_invoice", {"id": "in_1"})]


def test_tool_choice_is_obeyed(called, ask):
    assert called("Look up in_1", tool_choice="none") == []
    assert len(called("Hello", tool_choice="required")) == 1
    for choice in (
        {"type": "function", "name": "create_refund"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "create_refund"}]},
    ):
        [(name, arguments)] = called("Look up in_1", tool_choice=choice)
        assert name == "create_refund"
        jsonschema.validate(arguments, REFUND["parameters"])
    only = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "get_weather"}]}
    assert called("Look up in_1", tool_choice=only) == []


def test_one_call_at_a_time_where_parallel_calls_are_off(called, say):
    said = "Look up in_1 and in_2"
    assert called(said, parallel_tool_calls=False) == [("get_invoice", {"id": "in_1"})]
    first = after_calls(said, ("get_invoice", {"id": "in_1"}, "{}"))
    assert called(first, parallel_tool_calls=False) == [("get_invoice", {"id": "in_2"})]
    both = after_calls(said, *(("get_invoice", {"id": each}, f'{{"id":"{each}"}}') for each in ("in_1", "in_2")))
    assert say(both, tools=EVERY_TOOL).count("Invoice in_") == 2


def test_older_and_grouped_tool_forms(called, ask):
    nested = {"type": "function", "function": {key: INVOICE[key] for key in ("name", "description", "parameters")}}
    assert called("Look up in_1", [nested]) == [("get_invoice", {"id": "in_1"})]
    grouped = {"type": "namespace", "name": "billing", "description": "Bills", "tools": [INVOICE]}
    assert ask("Look up in_1", tools=[grouped])["output"][0]["namespace"] == "billing"


def test_results_become_sentences_with_money(say):
    def told(output: Json | str) -> str:
        text = output if isinstance(output, str) else json.dumps(output)
        return say(after_calls("Look up in_1", ("get_invoice", {"id": "in_1"}, text)), tools=EVERY_TOOL)

    invoice = {"id": "in_1", "amount_due": 4200, "currency": "usd", "status": "open"}
    assert told(invoice) == "Invoice in_1 is **open**, with amount due **$42.00**."
    assert "**¥5,000**" in told({**invoice, "amount_due": 5000, "currency": "jpy"})
    assert "**1,234.50 CHF**" in told({**invoice, "amount_due": 123450, "currency": "chf"})
    assert "-$1.00" in told({**invoice, "amount_due": -100})
    assert "I found 2 invoices" in told({"data": [invoice, invoice]})
    assert "nothing to tell" in told("")
    assert "plain words" in told("plain words")


@pytest.mark.parametrize(
    ("code", "plain"),
    [
        ("vault_locked", "vault is locked"),
        ("credential_not_found", "holds no value"),
        ("invalid_arguments", "arguments"),
        ("host_not_allowed", "may not reach"),
        ("upstream_error", "status 404, not found"),
        ("upstream_timeout", "in time"),
        ("result_withheld", "withheld"),
        ("denied", "denied"),
        ("outcome_unknown", "nobody knows"),
        ("tool_not_found", "no tool"),
        ("something_new", "something_new"),
    ],
)
def test_errors_are_explained_in_plain_words(say, code, plain):
    output = json.dumps({"error": code, "status": 404})
    said = say(after_calls("Look up in_1", ("get_invoice", {"id": "in_1"}, output)), tools=EVERY_TOOL)
    assert plain in said
    assert "in_1" in said
