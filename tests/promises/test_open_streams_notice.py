"""Who may not be here any more is noticed by an open socket and an open stream within five seconds."""

import json
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from openai import APIConnectionError, APITimeoutError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.promises import people
from tests.promises.visitor import Visitor, Wire
from tests.upstream import text
from tests.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("settled")]
SECONDS = 5.0
NEW_PASSWORD = "eleven quiet owls at harbour"


@pytest.fixture
def owner(workspace: Workspace) -> Iterator[Visitor]:
    with closing(people.owner(workspace)) as signed_in:
        yield signed_in


@pytest.fixture
def held(upstream) -> Iterator[None]:
    """A model that begins an answer and then says nothing."""
    upstream.queue(text("this goes on for a while", fault="hold", after=4))
    yield
    upstream.release()


def guest(owner: Visitor, workspace: Workspace, role: str = "member") -> tuple[Visitor, str]:
    email = f"guest-{secrets.token_hex(4)}@example.com"
    return people.join(owner, workspace, email, role), email


@contextmanager
def within(what: str, say: Callable[[str], None]) -> Iterator[None]:
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    say(f"{what}: noticed after {took:.1f} s")
    assert took < SECONDS


def closes(socket: Any) -> int:
    """The code with which the socket closes; what comes before is read away."""
    with pytest.raises(ConnectionClosed) as closed:
        deque(iter(partial(socket.recv, timeout=2 * SECONDS), None))
    assert closed.value.rcvd is not None, "the connection broke instead of closing"
    return closed.value.rcvd.code


def remove(by: Visitor, workspace: Workspace, email: str) -> None:
    pk = people.member_pk(by, workspace, email)
    assert by.post(f"/t/{workspace.slug}/console/members/{pk}/remove/").status == 302


def change_password(person: Visitor) -> None:
    path = "/accounts/password/change/"
    answer = person.post(path, oldpassword=people.PASSWORD, password1=NEW_PASSWORD, password2=NEW_PASSWORD)
    assert answer.status == 302, answer.body.decode()


def log_out(person: Visitor) -> None:
    assert person.post("/accounts/logout/").status == 302


LEAVING: dict[str, tuple[Callable[[Visitor, Visitor, Workspace, str], object], int]] = {
    "membership removed": (lambda owner, person, workspace, email: remove(owner, workspace, email), 4404),
    "logged out": (lambda owner, person, workspace, email: log_out(person), 4401),
    "password changed": (lambda owner, person, workspace, email: change_password(person), 4401),
}


@pytest.mark.parametrize("name", LEAVING)
def test_a_browser_s_socket_closes(name: str, workspace: Workspace, owner, held, say) -> None:
    act, code = LEAVING[name]
    person, email = guest(owner, workspace)
    with workspace.socket(person.session) as socket:
        socket.create("hi")
        assert socket.event()["type"] in {"deny_web:vault", "deny_web:active", "response.created"}
        if name == "password changed":  # elsewhere: the session that changes it stays
            with closing(Visitor(workspace.app).sign_in(email, people.PASSWORD)) as elsewhere:
                act(owner, elsewhere, workspace, email)
        else:
            act(owner, person, workspace, email)
        with within(f"socket, {name}", say):
            assert closes(socket.connection) == code


def test_a_lowered_role_may_look_and_no_longer_write(workspace: Workspace, owner, held, upstream, say) -> None:
    person, email = guest(owner, workspace)
    pk = people.member_pk(owner, workspace, email)
    with workspace.socket(person.session) as socket:
        socket.create("hi")
        response_id = first_created(socket)
        assert owner.post(f"/t/{workspace.slug}/console/members/{pk}/role/", role="viewer").status == 302
        time.sleep(SECONDS - 0.5)
        for message in (
            {"type": "response.create", "input": "more"},
            {"type": "deny_web:stop", "response_id": response_id},
        ):
            socket.send(**message)
            while (event := socket.event())["type"] != "error":
                assert event["type"] != "response.created"
            assert (event["status"], event["error"]["code"]) == (403, "insufficient_permissions")
        socket.follow(response_id, -1)
        assert first_created(socket) == response_id  # looking is still allowed
        upstream.release()
        assert list(socket.events())[-1]["type"] == "response.completed"


def first_created(socket: Any) -> str:
    while (event := socket.event())["type"] != "response.created":
        pass
    return str(event["response"]["id"])


ENDING = {
    "key revoked": lambda owner, workspace, key, email: people.revoke_key(owner, workspace, key),
    "its maker removed": lambda owner, workspace, key, email: remove(owner, workspace, email),
}


@pytest.fixture
def keyed(owner: Visitor, workspace: Workspace) -> tuple[str, str]:
    """A key, and the e-mail of the admin who made it."""
    maker, email = guest(owner, workspace, "admin")
    return people.make_key(maker, workspace, "member", f"key of {email}"), email


@pytest.mark.parametrize("name", ENDING)
@pytest.mark.parametrize("kind", ["create", "retrieve"])
def test_a_stream_of_a_key_ends(name: str, kind: str, workspace: Workspace, owner, keyed, held, say) -> None:
    key, email = keyed
    workspace_key, workspace.key = workspace.key, key
    try:
        stream = workspace.client().responses.create(model="m", input="hi", stream=True)
        first = next(iter(stream))
        if kind == "retrieve":
            stream = workspace.client().responses.retrieve(first.response.id, stream=True)
            next(iter(stream))
    finally:
        workspace.key = workspace_key
    ENDING[name](owner, workspace, key, email)
    with within(f"{kind}, {name}", say):
        kinds = read_away(stream)
    assert not any(kind in {"response.completed", "response.failed"} for kind in kinds)


def read_away(stream: Any) -> list[str]:
    """What still comes until the connection is closed on us; a read that times out raises."""
    kinds = []
    try:
        for event in stream:
            kinds.append(event.type)
    except APITimeoutError:
        raise  # nothing ended it
    except APIConnectionError:
        pass
    return kinds


@pytest.mark.parametrize("name", ENDING)
def test_a_socket_of_a_key_closes(name: str, workspace: Workspace, owner, keyed, held, say) -> None:
    key, email = keyed
    address = f"ws://{urlsplit(workspace.app.url).netloc}/v1/responses"
    with connect(address, additional_headers={"Authorization": f"Bearer {key}"}) as socket:
        socket.send(json.dumps({"type": "response.create", "input": "hi"}))
        assert json.loads(socket.recv(timeout=20))["type"] == "response.created"
        ENDING[name](owner, workspace, key, email)
        with within(f"key's socket, {name}", say):
            assert closes(socket) == 4401


def test_a_waiting_request_of_a_key_ends(workspace: Workspace, owner, keyed, held, say) -> None:
    """A create without a stream: its answer must not come to a key that was revoked meanwhile."""
    key, _ = keyed
    body = json.dumps({"model": "m", "input": "hi"}).encode()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    with ThreadPoolExecutor(1) as pool, closing(Wire(workspace.app)) as wire:
        waiting = pool.submit(wire.ask, "POST", "/v1/responses", headers, body)
        time.sleep(0.5)
        people.revoke_key(owner, workspace, key)
        with within("waiting request, key revoked", say):
            assert waiting.result(20).status == 401
