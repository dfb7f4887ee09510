"""A response to compare a prompt's cache with is found by its asker alone, and named to each side in its own words."""

from dataclasses import replace
from typing import Any

import pytest

from chat import comparison, engine
from chat.errors import ApiError
from chat.models import Door, Item, Response, Status, Step
from chat.step import Step as LiveStep
from tenants.access import Principal
from tests.cast import Cast
from tests.test_step_events import make_turn

pytestmark = pytest.mark.django_db


def made(principal: Principal, **more: Any) -> Response:
    owner = {"tenant": principal.tenant, "user": principal.user}
    row = Response.objects.create(door=Door.BROWSER, status=Status.COMPLETED, request={}, **owner, **more)
    for n in (0, 1):
        step = Step.objects.create(response=row, n=n, epoch=1, upstream="u", upstream_response_id=f"resp_up_{n}")
        for position in (2 * n, 2 * n + 1):  # a call of ours names no maker
            place = {"direction": "output", "position": position, "item_id": f"item_{position}"}
            by = {"by": "here"} if position % 2 else {"call_id": "c"}
            Item.objects.create(tenant=row.tenant, response=row, step=step, body={}, upstream=by, **place)
    return row


def request(response_id: Any) -> dict[str, Any]:
    return {"prompt_cache_options": {"mode": "explicit", "comparison_response_id": response_id}}


def test_it_goes_up_as_its_upstream_calls_it_and_comes_back_as_its_client_does(cast: Cast) -> None:
    row = made(cast.owner)
    turn = make_turn(**request(row.pk))
    turn.envelope["model"] = "m"
    turn.upstream = replace(turn.upstream, origin="here")
    turn.compared = comparison.asked(cast.owner, turn.request)
    assert comparison.still(turn.request) == turn.compared
    assert engine._body(turn)["prompt_cache_options"] == {"mode": "explicit", "comparison_response_id": "resp_up_1"}
    told = {"id": "resp_2", **request("resp_up_1"), "prompt_cache_diagnostics": {"miss": None}}
    LiveStep(turn).feed({"type": "response.completed", "response": told})
    assert turn.details["prompt_cache_options"]["comparison_response_id"] == row.pk
    assert turn.request == request(row.pk)  # what is shown and stored


def test_an_upstream_that_did_not_make_it_hears_no_id(cast: Cast) -> None:
    row = made(cast.owner)
    known = comparison.asked(cast.owner, request(row.pk))
    for compared, origin in ((None, "here"), (comparison.Compared(row.pk), ""), (known, "elsewhere"), (known, "")):
        body = request(row.pk)
        comparison.put(compared, origin, body)
        assert body == {"prompt_cache_options": {"mode": "explicit"}}


def test_a_foreign_one_and_one_that_never_was_are_answered_alike(cast: Cast) -> None:
    foreign = [made(cast.principal(cast.bob)).pk, made(cast.owner, stored=False).pk, "resp_never", "a\0b", 7, ["x"]]
    answers = []
    for wanted in foreign:
        with pytest.raises(ApiError) as caught:
            comparison.asked(cast.owner, request(wanted))
        answers.append((caught.value.status, caught.value.as_body()))
    assert answers == answers[:1] * len(foreign)
    assert answers[0][0] == 400


@pytest.mark.parametrize("body", [{}, {"prompt_cache_options": None}, {"prompt_cache_options": []}, request(None)])
def test_a_request_without_one_asks_nothing(cast: Cast, body: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert comparison.asked(cast.owner, body) is None
