"""A planted credential is nowhere but in the tool's own request: one day in a workspace, searched from end to end.

The app logs at DEBUG. Beside the credentials that are planted, the passwords, the upstream's key and the API key of
the day are looked for. Each place also has to hold something that is known to have been there, or the search of it
proves nothing.
"""

import html
import json
import secrets
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.infra.app import App, wait_for
from tests.infra.beside import app_beside
from tests.promises import database, people
from tests.promises.canaries import canary
from tests.promises.evidence import Evidence, Monitor, tap
from tests.promises.pages import pages_of
from tests.promises.scanner import Scanner, Secret
from tests.promises.scenes import Day
from tests.promises.visitor import Answer, Visitor, Wire
from tests.tool_api import ToolApi
from tests.upstream import Step, Upstream, calls, text
from tests.workspace import OWNER_PASSWORD, VAULT_PASSWORD, Workspace, make_workspace

pytestmark = pytest.mark.e2e
MARKER = "marker-" + secrets.token_hex(8)
# What is planted: by command, by page, as a replacement by page and by command, in forms that are refused.
HANDS = ("command", "page", "page replaces", "command rotates", "refused", "upstream key", "upstream header")
LABEL, OTHER = "stripe-prod", "page-made"


@dataclass
class Searched:
    """What was planted, and everything that could be gathered."""

    planted: dict[str, str]
    workspace: Workspace
    evidence: Evidence
    controls: dict[str, bytes]
    shown: dict[str, Answer]
    sent: list[str]

    @property
    def scanner(self) -> Scanner:
        words = {"owner's password": OWNER_PASSWORD, "vault password": VAULT_PASSWORD}
        return Scanner(
            *(Secret(name, value) for name, value in self.planted.items()),
            *(Secret(name, value, whole_only=True) for name, value in words.items()),
            Secret("API key", self.workspace.key.split("_", 2)[2], whole_only=True),
        )


@pytest.fixture(scope="module")
def loud_app(migrated_dir: Path, api_server: ToolApi) -> Iterator[App]:
    with app_beside(migrated_dir, api_server, LOG_LEVEL="DEBUG") as running:
        yield running


@pytest.fixture(scope="module")
def searched(loud_app: App, api_server: ToolApi, upstream_server: Upstream) -> Searched:
    upstream_server.reset()
    api_server.requests.clear()
    planted = {hand: canary() for hand in HANDS}
    evidence, controls = Evidence(loud_app), dict[str, bytes]()
    with Monitor(loud_app) as monitor:
        workspace = make_workspace(loud_app, "acme")
        header = f"X-Tenant-Secret: {planted['upstream header']}"
        workspace.manage(
            *("provider", "set", "acme", "--base-url", upstream_server.url, "--model", "scripted", "--header", header),
            stdin=planted["upstream key"],
        )
        workspace.put_secret(planted["command"], LABEL)
        day = Day(workspace, api_server)
        workspace.load_tools(*day.tools(LABEL))
        workspace.unlock()
        with closing(people.owner(workspace)) as owner:
            shown = _hands_on_the_vault(workspace, owner, planted)
            evidence.look()
            _turn_with_every_ending(workspace, day, evidence, upstream_server)
            call_ids = _worker_that_fails_and_dies(workspace, day, evidence, upstream_server)
            _try_in_the_console(workspace, owner)
            _upstream_that_complains(workspace, evidence, upstream_server, planted["upstream key"])
            pages = _every_page(workspace, owner)
        _every_stored_answer(workspace, evidence)
        evidence.look()
        commands, tasks = monitor.seen()
    evidence.add("broker", tasks)
    evidence.add("valkey's commands", commands)
    evidence.end()
    for what, answer in pages:
        evidence.add("pages", what.encode() + answer.raw)
    prompts = upstream_server.requests()
    for request in prompts:
        hidden = {"authorization", "x-tenant-secret"}  # where the upstream's own secrets belong
        kept = request | {"headers": {k: v for k, v in request["headers"].items() if k not in hidden}}
        evidence.add("prompts", json.dumps(kept, ensure_ascii=False))
    (loud_app.data_dir.parent / "tmp" / "control").write_text(MARKER)
    evidence.look_into_files()
    marker = MARKER.encode()
    controls = dict.fromkeys(("database", "valkey", "valkey's commands", "prompts", "api", "frames", "pages"), marker)
    controls |= {"broker": call_ids[0].encode(), "log": f"call {call_ids[0]} was left behind".encode()}
    controls |= {"files": marker, "processes": str(loud_app.data_dir).encode()}
    sent = [seen.headers.get("authorization", "") + seen.target for seen in api_server.requests]
    return Searched(planted, workspace, evidence, controls, shown, sent)


PLACES = (
    *("database", "valkey", "valkey's commands", "broker", "log", "prompts", "api", "frames", "pages", "files"),
    "processes",
)


@pytest.mark.parametrize("place", PLACES)
def test_no_secret_is_in(place: str, searched: Searched, say) -> None:
    data = searched.evidence.of(place)
    assert searched.controls[place] in data, f"what is known to have been in the {place} was not found there"
    scanner = searched.scanner
    planted = next(iter(searched.planted.values())).encode()
    assert Scanner(Secret("control", planted.decode())).scan(place, data + planted), "the search finds nothing"
    hits = scanner.scan(place, data)
    say(f"{place}: {scanner.scanned[place]:,} bytes, {len(hits)} hits")
    assert hits == []


def test_the_credential_was_really_used_and_shown_where_it_belongs(searched: Searched) -> None:
    credential = searched.planted["command"]
    by_place = [f"Bearer {credential}", quote(credential, safe="")]
    for form in by_place:
        assert any(form in sent for sent in searched.sent), "the tool's own request carries it"
    assert Scanner(Secret("page", searched.planted["page"])).scan("reveal", searched.shown["reveal"].body)
    assert Scanner(Secret("page", searched.planted["page replaces"])).scan("again", searched.shown["again"].body)
    assert searched.workspace.manage("vault", "get", "acme", OTHER) == searched.planted["command rotates"]


def test_a_refused_form_does_not_give_a_secret_back(searched: Searched) -> None:
    scanner = searched.scanner
    for name, answer in searched.shown.items():
        if name.startswith("refused"):
            assert answer.status in {200, 400, 403, 422}, (name, answer.status)
            assert b"<form" in answer.body
            assert scanner.scan(name, answer.raw) == []


# --- the day ----------------------------------------------------------------------------------------------------


def _hands_on_the_vault(workspace: Workspace, owner: Visitor, planted: dict[str, str]) -> dict[str, Answer]:
    vault, wrong = f"/t/{workspace.slug}/console/vault/", "not the password of this vault"
    shown = {}
    new = {"label": OTHER, "band": "1024"}
    shown["refused: wrong password"] = owner.post(f"{vault}add/", **new, value=planted["refused"], password=wrong)
    bad_label = {"label": "a\u202eb", "band": "1024", "value": planted["refused"], "password": VAULT_PASSWORD}
    shown["refused: bad label"] = owner.post(f"{vault}add/", **bad_label)
    done = owner.post(f"{vault}add/", **new, value=planted["page"], password=VAULT_PASSWORD)
    assert done.status == 302, done.body.decode()
    ((entry,),) = database.query(workspace.app, "SELECT id FROM vault_vaultentry WHERE label = ?", OTHER)
    at = f"{vault}{uuid.UUID(entry)}/"
    shown["reveal"] = owner.post(f"{at}reveal/", password=VAULT_PASSWORD)
    shown["refused: replace"] = owner.post(f"{at}replace/", value=planted["refused"], password=wrong)
    done = owner.post(f"{at}replace/", value=planted["page replaces"], password=VAULT_PASSWORD)
    assert "is replaced" in done.body.decode()
    shown["again"] = owner.post(f"{at}reveal/", password=VAULT_PASSWORD)
    start = f"/start/{workspace.slug}/tool/?starter=github-issues"
    definition = html.unescape(owner.found(r'(?s)<textarea name="definition"[^>]*>(.*?)</textarea>', owner.get(start)))
    given = {"definition": definition, "value": planted["refused"], "password": wrong}
    shown["refused: first tool"] = owner.post(start, **given)
    upstream = {"kind": "responses", "base_url": "ftp://nowhere", "model": "m", "key": planted["refused"]}
    headers = f"x-secret: {planted['refused']}"
    shown["refused: model"] = owner.post(f"/t/{workspace.slug}/console/models/", **upstream, headers=headers)
    owner.answers[:] = [(what, answer) for what, answer in owner.answers if answer not in shown.values()]
    workspace.manage("vault", "rotate", workspace.slug, OTHER, stdin=planted["command rotates"])
    return shown


def _turn_with_every_ending(workspace: Workspace, day: Day, evidence: Evidence, upstream: Upstream) -> None:
    upstream.queue(calls(*day.quick()), text(f"{MARKER} all done"))
    with workspace.socket(workspace.sign_in()) as socket:
        tap(socket, evidence)
        socket.create(f"{MARKER}: call everything")
        evidence.look_into_valkey("valkey")
        events = list(socket.events())
    made = {item["name"]: item for item in events[-1]["response"]["output"] if item["type"] == "mcp_call"}
    day.check({name: json.loads(item["output"]) for name, item in made.items()})


def _worker_that_fails_and_dies(workspace: Workspace, day: Day, evidence: Evidence, upstream: Upstream) -> list[str]:
    """One call is left behind by an exception, another by SIGKILL, and is sent again; answers the calls' ids."""
    day.break_definition("breaks")
    upstream.queue(calls(("breaks", {}), ("killed", {})), text(f"{MARKER} went on"))
    before = len(day.api.requests)
    with workspace.socket(workspace.sign_in()) as socket:
        tap(socket, evidence)
        socket.create(f"{MARKER}: fail and die")
        wait_for(lambda: "was left behind" in workspace.app.log, 60, "the worker met no exception")
        wait_for(lambda: any(seen.target == "/v1/killed" for seen in day.api.requests[before:]), 60, "not sent")
        evidence.look_into_valkey("valkey")
        workspace.app.kill("tools")
        evidence.look()
        day.release.set()
        call_ids = [day.overdue("breaks", attempts=5), day.overdue("killed", attempts=1)]
        events = list(socket.events(timeout=60))
    made = {item["name"]: json.loads(item["output"]) for item in events[-1]["response"]["output"] if "name" in item}
    assert made["killed"] == {"id": "in_1", "status": "open"}
    assert made["breaks"]["error"] == "upstream_error"
    assert len([seen for seen in day.api.requests[before:] if seen.target == "/v1/killed"]) == 2
    return [str(uuid.UUID(call_id)) for call_id in call_ids]


def _try_in_the_console(workspace: Workspace, owner: Visitor) -> None:
    for name in ("query", "fails", "echo_base64"):
        answer = owner.post(f"/t/{workspace.slug}/console/tools/named/{name}/", args="{}")
        assert answer.status == 302, answer.body.decode()
        page = answer.header("location")
        wait_for(lambda page=page: b"http-equiv" not in owner.get(page).body, 60, "the try did not end")  # type: ignore[misc]
    database.wait_settled(workspace.app)


def _upstream_that_complains(workspace: Workspace, evidence: Evidence, upstream: Upstream, key: str) -> None:
    """The model's server puts its own key into its errors, as some do."""
    upstream.queue(
        Step(status=401, error={"error": {"message": f"Incorrect API key provided: {key}", "code": key, "type": key}}),
        Step(status=400, error=f"<html>{key}</html>"),
    )
    with closing(Wire(workspace.app)) as wire:
        for _ in range(2):
            evidence.add("api", _ask(wire, workspace, "POST", "/v1/responses", {"input": MARKER}).raw)


def _every_stored_answer(workspace: Workspace, evidence: Evidence) -> None:
    upstream_answers = [("GET", f"/v1/responses/{one}") for (one,) in database.query(
        workspace.app, "SELECT id FROM chat_response WHERE api_key_id IS NOT NULL")]  # fmt: skip
    with closing(Wire(workspace.app)) as wire:
        for method, path in upstream_answers:
            for tail in ("", "?stream=true", "/input_items"):
                evidence.add("api", _ask(wire, workspace, method, path + tail).raw)
        for path in ("/v1/models", "/v1/responses/resp_none", "/v1/nothing"):
            evidence.add("api", _ask(wire, workspace, "GET", path).raw)


def _ask(wire: Wire, workspace: Workspace, method: str, path: str, body: object = None) -> Answer:
    headers = {"Authorization": f"Bearer {workspace.key}", "Content-Type": "application/json"}
    return wire.ask(method, path, headers, json.dumps(body).encode() if body is not None else None)


def _every_page(workspace: Workspace, owner: Visitor) -> list[tuple[str, Answer]]:
    """All pages with all ids that they take, and some that do not exist; the answers so far come with them."""
    for page in pages_of(workspace):
        owner.get(page)
    for path in ("/no/such/page/", "/t/acme/console/vault/nothing/", "/healthz", "/metrics", "/readyz"):
        owner.get(path)
    statuses = [answer.status for _, answer in owner.answers]
    assert statuses.count(200) > 20, statuses
    assert max(statuses) < 500, [what for what, answer in owner.answers if answer.status >= 500]
    return owner.answers
