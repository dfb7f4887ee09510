"""The Models page with several upstreams: list, order, health, forms, routes. All of it without script."""

import asyncio
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from chat.models import Provider, Route
from chat.providers import actions, health, route_actions
from chat.providers.errors import UpstreamTimeout
from chat.providers.upstream import of_row
from deny_web import valkey
from tenants import access
from tests.cast import Cast

pytestmark = pytest.mark.django_db
PAGE = "/t/acme/console/models/"
KEY = "sk-planted-0123456789abcdef"
ADDRESS = "https://192.0.2.1/v1"


@pytest.fixture
def alice(cast: Cast) -> Client:
    client = Client()
    client.force_login(cast.alice)
    return client


def make(name: str, **changes: Any) -> Provider:
    given: dict[str, Any] = {"kind": "responses", "base_url": f"http://127.0.0.1:9/{name}", "model": "m", "key": KEY}
    return actions.set_provider(acting=access.for_slug("acme"), name=name, **{**given, **changes})


def form(**more: str) -> dict[str, str]:
    return {"kind": "responses", "base_url": "http://127.0.0.1:9/a", "model": "m", "key": "", **more}


def names(cast: Cast) -> list[str]:
    return [row.name for row in actions.stored(cast.acme)]


class Radios(HTMLParser):
    """What a screen reader is told of each radio: the texts that its ids refer to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.radios: list[dict[str, str | None]] = []
        self.texts: dict[str, str] = {}
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "radio":
            self.radios.append(given)
        self._open = given.get("id") or ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open] = self.texts.get(self._open, "") + data.strip()


def test_a_radio_s_name_is_its_title_and_its_help_is_beside_it(alice: Client) -> None:
    found = Radios(alice.get(PAGE).content.decode())
    told = {
        found.texts[str(radio["aria-labelledby"])]: found.texts[str(radio["aria-describedby"])]
        for radio in found.radios
    }
    assert told["A Responses API"].startswith("OpenAI, a gateway")
    assert "Amazon Bedrock" in told
    assert all(0 < len(name) < 40 for name in told)


def test_the_list_shows_each_and_no_key(alice: Client) -> None:
    make("a", headers={"x-one": "planted-header"})
    make("b", kind="bedrock")
    page = alice.get(PAGE).content.decode()
    assert page.index(">a</a>") < page.index(">b</a>")
    assert page.count("In use") == 2
    assert KEY not in page
    assert "planted-header" not in page


def test_one_in_trouble_says_what_it_did_and_since_when(alice: Client) -> None:
    row = make("a")
    made = of_row(row)
    assert made is not None

    async def fail() -> None:
        for _ in range(health.PASSED_OVER_AFTER):
            health.failed(made, UpstreamTimeout())
        await health.settled()
        health.forget()
        await valkey.aio().aclose()

    asyncio.run(fail())
    page = alice.get(PAGE).content.decode()
    assert "Passed over" in page
    assert "It did not answer in time. Since" in page


def test_a_further_one_is_added_last_with_names_and_timeouts(cast: Cast, alice: Client) -> None:
    make("a")
    more = {"names": "gpt-5.5 = openai/gpt-5.5\n\nx=y", "only_mapped": "", "gap": "7.5", "whole": ""}
    sent = form(name="b", base_url=ADDRESS, key=KEY, **more)
    refused = alice.post(f"{PAGE}add/", sent).content.decode()
    assert "cannot be used" in refused  # what a workspace types is checked, here too
    assert KEY not in refused
    make("b", base_url=ADDRESS)
    page = alice.post(f"{PAGE}add/", sent).content.decode()
    assert "of this name already" in page
    row = Provider.objects.get(name="b")
    Provider.objects.filter(pk=row.pk).update(by_operator=True)
    assert alice.post(f"{PAGE}{row.pk}/", form(base_url=ADDRESS, **more)).status_code == 302
    row.refresh_from_db()
    assert row.names == {"gpt-5.5": "openai/gpt-5.5", "x": "y"}
    assert (row.gap_seconds, row.connect_seconds, row.whole_seconds) == (7.5, 10.0, None)
    assert names(cast) == ["a", "b"]


def test_a_form_without_names_and_timeouts_leaves_them(alice: Client) -> None:
    row = make("a", handling=actions.Handling({"x": "y"}))
    assert alice.post(f"{PAGE}{row.pk}/", form(model="n")).status_code == 302
    row.refresh_from_db()
    assert (row.model, row.names) == ("n", {"x": "y"})


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [("names", "no equals sign", "name = name"), ("names", "a=b\na=c", "two lines"), ("gap", "-3", "timeout")],
)
def test_what_is_wrong_is_said(field: str, value: str, words: str, alice: Client) -> None:
    row = make("a")
    page = alice.post(f"{PAGE}{row.pk}/", form(**{"names": "", field: value})).content.decode()
    assert words in page


@pytest.mark.parametrize(
    "preset", ["openai", "vercel", "truefoundry", "vllm", "ollama", "llama-cpp", "lm-studio", "bedrock"]
)
def test_each_preset_fills_the_form(preset: str, alice: Client) -> None:
    page = alice.get(f"{PAGE}add/?preset={preset}").content.decode()
    assert re.search(r'name="base_url" value="https?://[^"]+"', page)
    assert ("x-tfy-provider-name" in re.findall(r"<textarea[^>]*>([^<]*)", page)[0]) is (preset == "truefoundry")


def test_order_and_state_change_by_buttons(cast: Cast, alice: Client) -> None:
    rows = {name: make(name) for name in "abc"}
    alice.post(f"{PAGE}{rows['c'].pk}/move/", {"to": "up"})
    alice.post(f"{PAGE}{rows['a'].pk}/move/", {"to": "down"})
    assert names(cast) == ["c", "a", "b"]
    alice.post(f"{PAGE}{rows['c'].pk}/move/", {"to": "up"})
    assert names(cast) == ["c", "a", "b"]
    alice.post(f"{PAGE}{rows['c'].pk}/switch/", {"enabled": "off"})
    assert not Provider.objects.get(name="c").enabled
    assert "Off" in alice.get(PAGE).content.decode()


def test_removing_asks_first_and_names_the_routes_that_go(cast: Cast, alice: Client) -> None:
    row = make("a")
    make("b")
    route_actions.set_routes([("gpt-*", ["a"]), ("*", ["a", "b"])], acting=access.for_slug("acme"))
    page = alice.get(f"{PAGE}{row.pk}/remove/").content.decode()
    assert "gpt-*" in page
    assert Provider.objects.filter(name="a").exists()
    alice.post(f"{PAGE}{row.pk}/remove/")
    assert names(cast) == ["b"]
    assert route_actions.stored(cast.acme) == [("*", ["b"])]


def test_routes_are_made_changed_moved_and_removed(cast: Cast, alice: Client) -> None:
    for name in "ab":
        make(name)
    add = f"{PAGE}routes/add/"
    alice.post(add, {"pattern": "gpt-*", "upstream_0": "b", "upstream_1": "a"})
    alice.post(add, {"pattern": "*", "upstream_0": "a", "upstream_1": ""})
    assert route_actions.stored(cast.acme) == [("gpt-*", ["b", "a"]), ("*", ["a"])]
    assert "already" in alice.post(add, {"pattern": "*", "upstream_0": "b"}).content.decode()
    assert "twice" in alice.post(add, {"pattern": "x", "upstream_0": "b", "upstream_1": "b"}).content.decode()
    pk = Route.objects.get(pattern="*").pk
    alice.post(f"{PAGE}routes/{pk}/", {"pattern": "o*", "upstream_0": "b", "upstream_1": "a"})
    alice.post(f"{PAGE}routes/{Route.objects.get(pattern='o*').pk}/move/", {"to": "up"})
    assert route_actions.stored(cast.acme) == [("o*", ["b", "a"]), ("gpt-*", ["b", "a"])]
    page = alice.get(PAGE).content.decode()
    assert page.index("o*") < page.index("gpt-*")
    alice.post(f"{PAGE}routes/{Route.objects.get(pattern='o*').pk}/remove/")
    assert route_actions.stored(cast.acme) == [("gpt-*", ["b", "a"])]


def test_a_workspace_cannot_write_a_keyless_upstream_s_settings_by_form(alice: Client) -> None:
    row = make("a", kind="identity", base_url="https://api.example.com/v1", key="{}")
    sealed = bytes(row.sealed_key or b"")
    mine = '{"identity_provider_id": "", "service_account_id": "", "token_file": "/etc/hostname"}'
    stays = form(kind="identity", base_url="https://api.example.com/v1", key=mine, forget_key="on")
    assert alice.post(f"{PAGE}{row.pk}/", stays).status_code == 302
    row.refresh_from_db()
    assert bytes(row.sealed_key or b"") == sealed
    moved = form(kind="identity", base_url="https://example.org/v1", key=mine)
    assert "operator" in alice.post(f"{PAGE}{row.pk}/", moved).content.decode()
    assert "operator" in alice.post(f"{PAGE}test/?upstream=a", moved).json()["sentence"]
    answer = alice.post(f"{PAGE}test/", form(kind="identity", base_url="https://example.org/v1", key=mine)).json()
    assert not answer["ok"]  # where none is set up there is no such choice


def test_member_may_not_and_another_workspace_s_row_is_not_there(cast: Cast, alice: Client) -> None:
    row = make("a")
    route_actions.set_routes([("*", ["a"])], acting=access.for_slug("acme"))
    route = Route.objects.get().pk
    paths = [f"{row.pk}/", f"{row.pk}/switch/", f"{row.pk}/move/", f"{row.pk}/remove/"]
    paths += ["add/", "routes/add/", f"routes/{route}/", f"routes/{route}/move/", f"routes/{route}/remove/"]
    bob, charlie = Client(), Client()
    bob.force_login(cast.bob)
    charlie.force_login(cast.charlie)
    for path in paths:
        assert bob.post(PAGE + path).status_code == 403
        assert charlie.post(PAGE + path).status_code == 404
        if "add" not in path:
            assert charlie.post(f"/t/elsewhere/console/models/{path}").status_code == 404
    assert Provider.objects.get().enabled
