"""The socket's door: a key, or a session cookie from our own pages; asked again, it notices what changed."""

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.test import Client

from tenants import access, actions
from tenants.access import Act, Unauthenticated
from tenants.models import Membership, Role
from tests.cast import Cast, make_key

pytestmark = pytest.mark.django_db
PASSWORD = "kettle-orbit-mango-thistle"


def scope(client: Client | None = None, *, origin: str | None = "http://testserver", host: str = "testserver",
          slug: str = "acme", key: str = "") -> dict:  # fmt: skip
    headers = [(b"host", host.encode())]
    if origin is not None:
        headers.append((b"origin", origin.encode()))
    if client is not None:
        cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
        headers.append((b"cookie", f"other=1; {settings.SESSION_COOKIE_NAME}={cookie}".encode()))
    if key:
        headers.append((b"authorization", f"Bearer {key}".encode()))
    return {"type": "websocket", "headers": headers, "query_string": f"tenant={slug}".encode()}


def test_session_of_a_member_is_let_in(cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    principal = access.for_socket(scope(client), Act.CHAT)
    assert (principal.user, principal.role, principal.tenant) == (cast.bob, Role.MEMBER, cast.acme)


def test_viewer_may_look_but_not_chat(cast: Cast, client: Client) -> None:
    client.force_login(cast.dave)
    assert access.for_socket(scope(client), Act.READ).role == Role.VIEWER
    with pytest.raises(PermissionDenied):
        access.for_socket(scope(client), Act.CHAT)


@pytest.mark.parametrize("slug", ["acme", "nowhere", ""])
def test_outsider_gets_what_an_absent_workspace_gets(slug: str, cast: Cast, client: Client) -> None:
    client.force_login(cast.charlie)
    with pytest.raises(Http404):
        access.for_socket(scope(client, slug=slug), Act.READ)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "testserver"),
        ("null", "testserver"),
        ("http://evil.example", "testserver"),
        ("http://testserver.evil.example", "testserver"),
        ("http://testserver:81", "testserver"),
        ("http://evil.example", "evil.example"),  # DNS rebinding: the host agrees with the origin, but is not ours
    ],
)
def test_other_origins_are_refused(origin: str | None, host: str, cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    with pytest.raises(PermissionDenied):
        access.for_socket(scope(client, origin=origin, host=host), Act.READ)


def test_public_origin_behind_a_proxy_is_ours(cast: Cast, client: Client, settings) -> None:
    settings.CSRF_TRUSTED_ORIGINS = ["https://chat.example"]
    client.force_login(cast.bob)
    assert access.for_socket(scope(client, origin="https://chat.example", host="10.0.0.7:8000"), Act.READ)


def test_nobody_is_refused(cast: Cast) -> None:
    with pytest.raises(Unauthenticated):
        access.for_socket(scope(), Act.READ)


def test_made_up_cookie_is_refused(cast: Cast) -> None:
    made_up = scope()
    made_up["headers"].append((b"cookie", f"{settings.SESSION_COOKIE_NAME}=abcdefghijklmnop".encode()))
    with pytest.raises(Unauthenticated):
        access.for_socket(made_up, Act.READ)


def test_signing_out_is_noticed(cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    opened = scope(client)
    access.for_socket(opened, Act.CHAT)
    client.logout()
    with pytest.raises(Unauthenticated):
        access.for_socket(opened, Act.CHAT)


def test_changed_password_is_noticed(cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    opened = scope(client)
    access.for_socket(opened, Act.CHAT)
    cast.bob.set_password(PASSWORD)
    cast.bob.save(update_fields=["password"])
    with pytest.raises(Unauthenticated):
        access.for_socket(opened, Act.CHAT)


def test_removed_member_and_lowered_role_are_noticed(cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    opened = scope(client)
    bob = Membership.objects.get(user=cast.bob)
    actions.change_role(bob, Role.VIEWER, acting=cast.owner)
    with pytest.raises(PermissionDenied):
        access.for_socket(opened, Act.CHAT)
    actions.remove_member(bob, acting=cast.owner)
    with pytest.raises(Http404):
        access.for_socket(opened, Act.READ)


def test_key_needs_no_origin_and_no_slug(cast: Cast) -> None:
    secret = make_key(cast)
    assert access.for_socket(scope(origin=None, slug="", key=secret), Act.CHAT).tenant == cast.acme
    assert access.for_socket(scope(origin=None, key=secret), Act.CHAT).tenant == cast.acme


def test_key_opens_no_other_workspace(cast: Cast) -> None:
    with pytest.raises(Http404):
        access.for_socket(scope(slug="elsewhere", key=make_key(cast)), Act.READ)


def test_bad_key_is_not_helped_by_a_good_session(cast: Cast, client: Client) -> None:
    client.force_login(cast.bob)
    with pytest.raises(Unauthenticated):
        access.for_socket(scope(client, key="dw_nonsense"), Act.READ)
