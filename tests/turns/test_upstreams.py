"""Several upstreams behind one workspace, over /v1 and the real SDK: routes, names, fall-back, and what is not told."""

import json
from collections.abc import Iterator

import pytest
from openai import APIStatusError, NotFoundError

from tests.infra.app import App
from tests.tool_api import ToolApi, reply
from tests.upstream import Upstream, calls, error, running, text, thinking
from tests.workspace import Workspace, make_workspace, tool

pytestmark = pytest.mark.e2e
KEYS = {"default": "sk-first-4417", "two": "sk-second-9920"}
REASONS = ["reasoning.encrypted_content"]


@pytest.fixture(scope="module")
def _second_server() -> Iterator[Upstream]:
    with running() as server:
        yield server


@pytest.fixture
def second(_second_server: Upstream) -> Iterator[Upstream]:
    _second_server.reset()
    yield _second_server
    _second_server.assert_used()


@pytest.fixture(scope="module")
def routed(app: App, upstream_server: Upstream, _second_server: Upstream) -> Workspace:
    """A workspace whose `default` comes first for m*, and whose `two` has names of its own for models."""
    made = make_workspace(app, "routed")
    base = ("provider", "set", "routed", "--base-url")
    made.manage(*base, upstream_server.url, "--model", "scripted", stdin=f"{KEYS['default']}\n")
    names = ("--map", "big=provider/big-model", "--map", "m=provider/m")
    made.manage(*base, _second_server.url, "--name", "two", *names, stdin=f"{KEYS['two']}\n")
    made.manage("provider", "route", "routed", "big", "two")
    made.manage("provider", "route", "routed", "m*", "default", "two")
    made.manage("provider", "route", "routed", "scripted", "default")
    made.put_secret()
    made.unlock()
    return made


@pytest.fixture
def workspace(routed: Workspace) -> Iterator[Workspace]:
    routed.app.wait_ready()
    yield routed
    routed.close()


def test_each_model_goes_where_its_route_leads_under_the_upstream_s_name(
    workspace: Workspace, upstream: Upstream, second: Upstream
) -> None:
    second.queue(text("Big."))
    upstream.queue(text("Own."))
    client = workspace.client()
    made = client.responses.create(model="big", input="hi")
    assert (made.output_text, made.model) == ("Big.", "big")
    assert client.responses.retrieve(made.id).model == "big"
    assert [body["model"] for body in second.bodies()] == ["provider/big-model"]
    assert second.requests()[0]["headers"]["authorization"] == f"Bearer {KEYS['two']}"
    assert client.responses.create(input="hi").model == "scripted"
    assert upstream.requests()[0]["headers"]["authorization"] == f"Bearer {KEYS['default']}"


def test_a_model_that_nobody_routes_is_named_and_nothing_else(workspace: Workspace) -> None:
    client = workspace.client()
    for act in (
        lambda: client.responses.create(model="gpt-unknown", input="hi"),
        lambda: client.responses.compact(model="gpt-unknown", input="hi"),
        lambda: client.responses.input_tokens.count(model="gpt-unknown", input="hi"),
        lambda: client.models.retrieve("gpt-unknown"),
    ):
        with pytest.raises(NotFoundError) as caught:
            act()
        assert caught.value.code == "model_not_found"
        assert caught.value.param == "model"
        for word in ("127.0.0.1", "default", "two", "provider"):
            assert word not in caught.value.message


def test_the_models_of_all_upstreams_are_listed_under_their_outward_names(
    workspace: Workspace, upstream: Upstream, second: Upstream
) -> None:
    listed = [model.id for model in workspace.client().models.list()]
    assert listed == ["big", "m", "scripted"]  # the second one lists "scripted" too, which is not routed to it
    assert workspace.client().models.retrieve("big").id == "big"


def test_the_next_one_answers_when_the_first_does_not_begin_and_keeps_the_turn(
    workspace: Workspace, upstream: Upstream, second: Upstream, api: ToolApi
) -> None:
    api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    workspace.load_tools(tool(api.url))
    upstream.queue(error(500, times=2))
    second.queue(calls(("get_invoice", {"id": "in_1"})), text("It is open."))
    made = workspace.client().responses.create(model="m", input="look it up")
    assert (made.output_text, made.model) == ("It is open.", "m")
    assert len(second.bodies()) == 2  # the second step did not go back
    assert {body["model"] for body in second.bodies()} == {"provider/m"}


def test_a_later_step_goes_on_at_the_other_one_without_what_only_the_first_understands(
    workspace: Workspace, upstream: Upstream, second: Upstream, api: ToolApi
) -> None:
    api.handle("/v1/invoices/in_1", reply({"id": "in_1", "status": "open"}))
    workspace.load_tools(tool(api.url))
    upstream.queue(thinking("Hm.", then=calls(("get_invoice", {"id": "in_1"}), said="A moment.")))
    upstream.queue(error(503, times=2))
    second.queue(text("It is open."))
    made = workspace.client().responses.create(model="m", input="look it up", include=REASONS)
    assert made.output_text == "A moment.It is open."
    told = second.bodies()[0]["input"]
    assert [item["type"] for item in told] == ["message", "message", "function_call", "function_call_output"]
    assert "encrypted-by-the-upstream" not in json.dumps(told)
    assert not [item for item in told if "id" in item]


def test_reasoning_goes_back_to_whoever_made_it_and_to_no_other(
    workspace: Workspace, upstream: Upstream, second: Upstream
) -> None:
    client = workspace.client()
    upstream.queue(thinking("Mine.", then=text("One.")), error(500, times=2), text("Three."))
    second.queue(text("Two."))
    first = client.responses.create(model="m", input="1", include=REASONS)
    other = client.responses.create(model="m", input="2", previous_response_id=first.id)
    client.responses.create(model="m", input="3", previous_response_id=other.id)
    assert "encrypted-by-the-upstream" not in json.dumps(second.bodies())
    assert "encrypted-by-the-upstream" in json.dumps(upstream.bodies()[-1])


def test_a_client_that_keeps_the_chain_itself_may_meet_another_upstream(
    workspace: Workspace, upstream: Upstream, second: Upstream
) -> None:
    client = workspace.client()
    upstream.queue(thinking("Mine.", then=text("One.")), text("Three."))
    second.queue(text("Two."))
    first = client.responses.create(model="m", input="1", include=REASONS, store=False)
    chain = [{"role": "user", "content": "1"}, *(item.model_dump(exclude_none=True) for item in first.output)]
    asked = {"role": "user", "content": "2"}
    assert client.responses.create(model="big", input=[*chain, asked], store=False).output_text == "Two."
    assert "encrypted-by-the-upstream" not in json.dumps(second.bodies())
    client.responses.create(model="m", input=[*chain, asked], store=False)
    assert "encrypted-by-the-upstream" in json.dumps(upstream.bodies()[-1])
    assert "deny_web" not in json.dumps(upstream.bodies()[-1])


def test_an_answer_that_broke_off_is_not_asked_for_again(
    workspace: Workspace, upstream: Upstream, second: Upstream
) -> None:
    upstream.queue(text("One two three.", fault="cut", after=5))
    with pytest.raises(APIStatusError) as caught:
        workspace.client().responses.create(model="m", input="hi")
    assert caught.value.code == "upstream_cut"


def test_a_refused_request_goes_to_nobody_else(workspace: Workspace, upstream: Upstream, second: Upstream) -> None:
    upstream.queue(error(400, "invalid_value"))
    with pytest.raises(APIStatusError) as caught:
        workspace.client().responses.create(model="m", input="hi")
    assert (caught.value.status_code, caught.value.code) == (400, "upstream_refused")


def test_a_compaction_takes_the_same_way(workspace: Workspace, upstream: Upstream, second: Upstream) -> None:
    upstream.queue(error(500, times=2))
    second.queue(text("A summary."))
    made = workspace.client().responses.compact(model="m", input="a long story")
    assert made.output[-1].type == "compaction"
    assert second.bodies()[0]["model"] == "provider/m"


def test_input_tokens_counts_a_conversation(workspace: Workspace, upstream: Upstream) -> None:
    client = workspace.client()
    words = {"type": "message", "role": "user", "content": "word " * 400}
    conversation = client.conversations.create(items=[words])
    short = client.responses.input_tokens.count(model="m", input="hi").input_tokens
    assert client.responses.input_tokens.count(model="m", input="hi", conversation=conversation.id).input_tokens > (
        short + 300
    )
    with pytest.raises(NotFoundError):
        client.responses.input_tokens.count(model="m", input="hi", conversation="conv_" + "0" * 40)


def test_keys_are_in_no_answer_no_log_and_no_file(workspace: Workspace, upstream: Upstream, app: App) -> None:
    upstream.queue(error(401), error(401), text("Never mind."))
    with pytest.raises(APIStatusError):
        workspace.client().responses.create(model="scripted", input="hi")
    listed = workspace.manage("provider", "list", "routed")
    upstream.reset()
    for key in KEYS.values():
        assert key not in listed
        assert key not in app.log
        for path in app.data_dir.rglob("*"):
            assert not path.is_file() or key.encode() not in path.read_bytes()
