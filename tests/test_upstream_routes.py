"""Which upstreams a model goes to, how that is set, and that a change holds at once."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chat import planning
from chat.models import Provider, Response, Route
from chat.providers import actions, client, route_actions, upstream
from chat.providers.actions import Handling
from chat.providers.errors import UpstreamUnfit
from chat.providers.routes import NotRouted, NoUpstream
from chat.providers.upstream import Timeouts
from deny_web import doctor
from tenants import access
from tenants.models import AuditRow, Role
from tenants.rules import Refused
from tests.cast import Cast

pytestmark = pytest.mark.django_db
Kind = Provider.Kind


def make(name: str, **changes: Any) -> Provider:
    """An upstream of `acme`, set by the operator."""
    given: dict[str, Any] = {"kind": Kind.RESPONSES, "base_url": f"http://127.0.0.1:9/{name}", "model": f"{name}-m"}
    return actions.set_provider(acting=access.for_slug("acme"), name=name, **{**given, **changes})


def asked(cast: Cast, model: str | None) -> list[str]:
    return [one.name for one in upstream.routing(cast.acme).plan(model).upstreams]


def route(*routes: tuple[str, list[str]]) -> None:
    route_actions.set_routes(routes, acting=access.for_slug("acme"))


def test_one_upstream_takes_every_model(cast: Cast) -> None:
    make("a")
    assert asked(cast, "anything/at-all") == ["a"]
    assert asked(cast, None) == ["a"]


def test_without_routes_they_are_asked_in_their_order(cast: Cast) -> None:
    make("a")
    make("b")
    actions.order_providers(acting=access.for_slug("acme"), names=["b", "a"])
    assert asked(cast, "m") == ["b", "a"]
    assert upstream.routing(cast.acme).plan(None).model == "b-m"


def test_the_first_pattern_that_fits_decides(cast: Cast) -> None:
    for name in "abc":
        make(name)
    route(("gpt-5*", ["b", "a"]), ("gpt-*", ["c"]), ("openai/*", ["a"]))
    assert asked(cast, "gpt-5.5") == ["b", "a"]
    assert asked(cast, "gpt-4") == ["c"]
    assert asked(cast, "openai/gpt-5.5") == ["a"]


@pytest.mark.parametrize("model", ["GPT-4", "xgpt-4", "unknown", "", "x" * 4000])
def test_a_model_that_no_route_names_is_not_there(model: str, cast: Cast) -> None:
    make("a")
    make("b")
    route(("gpt-*", ["a", "b"]))
    with pytest.raises(NotRouted) as caught:
        upstream.routing(cast.acme).plan(model)
    assert len(caught.value.model) <= 200
    assert asked(cast, None) == ["a"]  # the workspace's own is answered all the same


def test_an_upstream_that_takes_its_mapped_models_alone(cast: Cast) -> None:
    make("a", model="", handling=Handling({"gpt-5.5": "openai/gpt-5.5"}, only_mapped=True))
    make("b")
    assert asked(cast, "gpt-5.5") == ["a", "b"]
    assert asked(cast, "qwen3") == ["b"]


def test_an_upstream_that_is_off_is_not_asked(cast: Cast) -> None:
    make("a")
    make("b")
    route(("gpt-*", ["a"]), ("*", ["a", "b"]))
    actions.switch_provider(acting=access.for_slug("acme"), name="a", enabled=False)
    assert asked(cast, "m") == ["b"]
    with pytest.raises(NotRouted):
        upstream.routing(cast.acme).plan("gpt-5.5")
    actions.switch_provider(acting=access.for_slug("acme"), name="b", enabled=False)
    with pytest.raises(NoUpstream):
        upstream.routing(cast.acme).plan(None)


def test_another_workspace_has_none_of_it(cast: Cast) -> None:
    make("a")
    with pytest.raises(NoUpstream):
        upstream.routing(cast.elsewhere).plan("a-m")


def test_one_query_once_it_is_known_and_none_of_it_is_old(cast: Cast) -> None:
    make("a")
    make("b")
    route(("m", ["a"]))
    assert asked(cast, "m") == ["a"]
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert asked(cast, "m") == ["a"]
    assert len(queries) == 1
    route(("m", ["b"]))
    assert asked(cast, "m") == ["b"]
    make("b", model="other")
    assert upstream.routing(cast.acme).upstreams[1].model == "other"


def test_removing_an_upstream_takes_its_key_and_the_routes_that_led_to_it_alone(cast: Cast) -> None:
    make("a", key="sk-1")
    make("b")
    route(("gpt-*", ["a"]), ("*", ["a", "b"]))
    actions.remove_provider(acting=access.for_slug("acme"), name="a")
    assert route_actions.stored(cast.acme) == [("*", ["b"])]
    assert not Provider.objects.filter(name="a").exists()
    assert asked(cast, "gpt-5.5") == ["b"]


def test_a_new_route_stands_before_the_one_for_everything(cast: Cast) -> None:
    make("a")
    route(("*", ["a"]))
    route_actions.add_route("gpt-*", ["a"], acting=access.for_slug("acme"))
    assert [pattern for pattern, _ in route_actions.stored(cast.acme)] == ["gpt-*", "*"]


def test_a_route_that_stays_keeps_its_row(cast: Cast) -> None:
    make("a")
    route(("m", ["a"]), ("n", ["a"]))
    before = Route.objects.get(pattern="n").pk
    route(("n", ["a"]), ("m", ["a"]))
    assert Route.objects.get(pattern="n").pk == before
    assert [pattern for pattern, _ in route_actions.stored(cast.acme)] == ["n", "m"]


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        ([("m", ["nobody"])], "no upstream"),
        ([("m", [])], "nowhere"),
        ([("m", ["a", "a"])], "twice"),
        ([("m", ["a"]), ("m", ["a"])], "two routes"),
        ([("", ["a"])], "pattern"),
        ([("two words", ["a"])], "pattern"),
        ([("x" * 201, ["a"])], "pattern"),
        ([(f"m{n}", ["a"]) for n in range(101)], "At most"),
    ],
)
def test_what_is_no_route_is_refused_and_nothing_changes(
    routes: list[tuple[str, list[str]]], words: str, cast: Cast
) -> None:
    make("a")
    route(("gpt-*", ["a"]))
    with pytest.raises(Refused, match=words):
        route(*routes)
    assert route_actions.stored(cast.acme) == [("gpt-*", ["a"])]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "UPPER"}, "name"),
        ({"name": "a b"}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"handling": Handling({"": "m"})}, "model's name"),
        ({"handling": Handling({"m": "x" * 201})}, "model's name"),
        ({"handling": Handling(only_mapped=True)}, "Map at least one"),
        ({"handling": Handling({"x": "y"}, only_mapped=True)}, "not among the mapped"),
        ({"handling": Handling(timeouts=Timeouts(connect=0))}, "timeout"),
        ({"handling": Handling(timeouts=Timeouts(gap=9999))}, "timeout"),
        ({"base_url": "ftp://x"}, "address"),
    ],
)
def test_settings_out_of_bounds_are_refused(changes: dict[str, Any], words: str, cast: Cast) -> None:
    with pytest.raises(Refused, match=words):
        make(changes.pop("name", "a"), **changes)
    assert not Provider.objects.exists()


def test_a_member_may_change_nothing(cast: Cast) -> None:
    make("a")
    bob = cast.principal(cast.bob, Role.MEMBER)
    for act in (
        lambda: actions.set_provider(acting=bob, kind=Kind.DEMO),
        lambda: actions.switch_provider(acting=bob, name="a", enabled=False),
        lambda: actions.remove_provider(acting=bob, name="a"),
        lambda: actions.order_providers(acting=bob, names=["a"]),
        lambda: route_actions.set_routes([], acting=bob),
        lambda: route_actions.add_route("m", ["a"], acting=bob),
        lambda: route_actions.remove_route("m", acting=bob),
    ):
        with pytest.raises(PermissionDenied):
            act()


def test_every_act_is_audited(cast: Cast) -> None:
    make("a", key="sk-planted")
    route(("m", ["a"]))
    actions.switch_provider(acting=cast.owner, name="a", enabled=False)
    actions.order_providers(acting=cast.owner, names=["a"])
    actions.remove_provider(acting=cast.owner, name="a")
    verbs = list(AuditRow.objects.filter(tenant=cast.acme).order_by("n").values_list("verb", flat=True))
    assert verbs[-5:] == ["provider.write", "routes.write", "provider.off", "provider.order", "provider.remove"]
    assert "sk-planted" not in str(list(AuditRow.objects.values()))


# --- what a workspace may not do to what the operator set up ---------------------------------------------------------


def test_a_workspace_cannot_make_an_upstream_read_this_server_s_files(cast: Cast) -> None:
    settings = '{"identity_provider_id": "", "service_account_id": "", "token_file": "/etc/hostname"}'
    with pytest.raises(Refused, match="operator"):
        actions.set_provider(
            acting=cast.owner, kind=Kind.IDENTITY, name="x", base_url="https://example.com/v1", key=settings
        )


def test_nor_give_a_keyless_upstream_another_address_or_another_file(cast: Cast) -> None:
    made = make("a", kind=Kind.IDENTITY, key="the operator's")
    sealed = bytes(made.sealed_key or b"")
    for changes in (
        {"base_url": made.base_url, "key": "mine"},
        {"base_url": "https://example.com/v1", "keep_key": True},
    ):
        with pytest.raises(Refused, match="operator"):
            actions.set_provider(acting=cast.owner, kind=Kind.IDENTITY, name="a", **changes)
    actions.set_provider(
        acting=cast.owner, kind=Kind.IDENTITY, name="a", base_url=made.base_url, model="n", keep_key=True
    )
    made.refresh_from_db()
    assert (made.model, bytes(made.sealed_key or b"")) == ("n", sealed)


def test_a_key_does_not_follow_to_another_kind_at_the_same_address(cast: Cast) -> None:
    made = make("a", kind=Kind.IDENTITY, key="the operator's")
    actions.set_provider(acting=cast.owner, kind=Kind.RESPONSES, name="a", base_url=made.base_url, keep_key=True)
    assert upstream.for_tenant(cast.acme).key == "none"


def test_who_can_open_what_an_upstream_sealed_changes_with_its_address(cast: Cast) -> None:
    first = make("a").origin
    assert make("a", model="other").origin == first
    assert make("a", base_url="http://127.0.0.1:9/elsewhere").origin != first


# --- what doors say --------------------------------------------------------------------------------------------------


def test_a_turn_that_is_taken_over_goes_where_its_model_is_routed_now(cast: Cast) -> None:
    make("a")
    make("b")
    route(("m", ["a"]))
    row = Response(tenant=cast.acme, model="m", request={})
    assert planning.still(row).first.name == "a"
    route(("m", ["b"]))
    assert planning.still(row).first.name == "b"


async def test_a_turn_whose_model_is_gone_is_refused_and_not_lost() -> None:
    with pytest.raises(UpstreamUnfit, match="any more"):
        client.client(upstream.NOWHERE)


def test_a_turn_that_is_taken_over_after_its_route_went(cast: Cast) -> None:
    make("a")
    route(("m", ["a"]))
    assert planning.still(Response(tenant=cast.acme, model="n", request={})).first is upstream.NOWHERE
    assert planning.still(Response(tenant=cast.elsewhere, model="n", request={})).first is upstream.NOWHERE


def test_doctor_says_how_they_are_and_no_address_and_no_key(cast: Cast) -> None:
    make("a", key="sk-planted")
    make("b")
    (found,) = doctor.upstreams()
    assert found.text == "a (responses, key set, well), b (responses, key not set, well)"
    assert found.subject == "models acme"
