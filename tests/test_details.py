"""What an upstream says beside its output, over several steps: nothing that matters is lost with the next one."""

from typing import Any

import pytest
from openai.types.responses.response import Moderation

from chat import commits, details
from chat.models import Door, Response, Status
from chat.step import Step
from tests.cast import Cast
from tests.test_step_events import make_turn

Json = dict[str, Any]


def judged(flagged: bool = False, score: float = 0.1, *kinds: str) -> Json:
    return {
        "type": "moderation_result",
        "model": "omni-moderation",
        "flagged": flagged,
        "categories": {"violence": flagged, "hate": False},
        "category_scores": {"violence": score, "hate": 0.0},
        "category_applied_input_types": {"violence": list(kinds), "hate": []},
    }


UNJUDGED = {"type": "error", "code": "server_error", "message": "It could not be judged."}


def after_steps(*told: Json) -> Json:
    """A turn's details after steps whose responses say so."""
    turn = make_turn()
    for one in told:
        Step(turn).feed({"type": "response.completed", "response": {"id": "resp_up", "output": [], **one}})
    return turn.details


@pytest.mark.parametrize("order", [1, -1])
def test_a_flag_of_one_step_stays_whatever_the_others_say(order: int) -> None:
    steps = [
        {"moderation": {"input": judged(True, 0.9, "text"), "output": judged(False, 0.2, "image")}},
        {"moderation": {"input": judged(False, 0.3, "image"), "output": judged(True, 0.8, "text")}},
        {},
    ][::order]
    found = Moderation.model_validate(after_steps(*steps)["moderation"])
    for side in (found.input, found.output):
        assert side.type == "moderation_result"
        assert side.flagged
        assert side.categories == {"violence": True, "hate": False}
        assert set(side.category_applied_input_types["violence"]) == {"text", "image"}
    assert after_steps(*steps)["moderation"]["input"]["category_scores"]["violence"] == 0.9


@pytest.mark.parametrize(
    ("one", "other", "wins"),
    [(judged(True), UNJUDGED, judged(True)), (judged(False), UNJUDGED, UNJUDGED), (UNJUDGED, UNJUDGED, UNJUDGED)],
)
def test_what_could_not_be_judged_is_neither_clean_nor_hides_a_flag(one: Json, other: Json, wins: Json) -> None:
    for pair in ((one, other), (other, one)):
        steps = [{"moderation": {"input": each, "output": each}} for each in pair]
        assert after_steps(*steps)["moderation"] == {"input": wins, "output": wins}


def test_the_use_of_tools_is_summed_and_the_rest_is_the_newest() -> None:
    first: Json = {"tool_usage": {"web_search": {"num_requests": 2}, "x": {"n": 1}}, "service_tier": "flex"}
    second: Json = {"tool_usage": {"web_search": {"num_requests": 3}, "y": {"n": 1}}, "service_tier": "default"}
    assert after_steps(first, second) == {
        "tool_usage": {"web_search": {"num_requests": 5}, "x": {"n": 1}, "y": {"n": 1}},
        "service_tier": "default",
    }
    assert after_steps(first, {}) == first


@pytest.mark.parametrize(
    "odd", [None, 3, [], "x", {}, {"input": 1}, {"web_search": None}, {"input": {"flagged": None}}]
)
def test_odd_details_are_no_error(odd: object) -> None:
    whole: Json = {
        "tool_usage": {"web_search": {"num_requests": 2}},
        "moderation": {"input": judged(True), "output": 1},
    }
    for name in ("categories", "category_scores", "category_applied_input_types"):
        clean = judged()
        details.merged({"moderation": {"input": clean}}, {"moderation": {"input": {**clean, name: {"hate": odd}}}})
    for key in whole:
        details.merged(whole, {key: odd})
        details.merged({key: odd}, whole)


@pytest.mark.django_db
@pytest.mark.parametrize("stored", [True, False])
def test_who_takes_a_turn_over_knows_what_its_steps_said(cast: Cast, stored: bool) -> None:
    row = Response.objects.create(
        tenant=cast.acme, door=Door.BACKGROUND, status=Status.IN_PROGRESS, request={}, stored=stored
    )
    turn = make_turn()
    turn.response_id, turn.tenant_id, turn.stored = row.pk, cast.acme.pk, stored
    turn.details = {"moderation": {"input": judged(True)}}
    commits.commit_step(turn, [], [], None, "resp_up")
    row.refresh_from_db()
    assert row.details == (turn.details if stored else None)
