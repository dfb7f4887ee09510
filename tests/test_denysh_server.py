"""A workspace that keeps its credentials in a deny.sh server: what is sealed, which addresses, how each answer ends."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from deny_web import children
from tenants import access
from tenants.models import AuditRow
from tenants.rules import Refused
from tests import tool_api
from tests.cast import Cast
from tests.denysh_cast import PASSWORD
from tests.tool_api import ToolApi, cut, reply
from tests.vault_cast import Vault
from vault import credentials
from vault.denysh import remote, sealing, server
from vault.denysh.server import Server
from vault.errors import CredentialNotFound, Damaged, SourceFailed, VaultError, VaultLocked
from vault.models import DenyServer

KEY, SECRET = "dk_planted_0123456789abcdef", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


@pytest.fixture
def api() -> Iterator[ToolApi]:
    with tool_api.running() as api:
        yield api


def serve(api: ToolApi, value: str = SECRET, password: str = PASSWORD, **changes: Any) -> None:
    sealed = sealing.seal(value.encode(), password)
    listed = [
        {"id": "old", "label": "stripe-prod", "created_at": "2026-01-01T00:00:00Z"},
        {"id": "new", "label": "stripe-prod", "created_at": "2026-02-01T00:00:00Z"},
        {"id": "other", "label": "stripe-prod-2", "created_at": "2026-03-01T00:00:00Z"},
    ]
    item = {"encryptedData": sealed.data.hex(), "salt": sealed.salt.hex(), "iv": sealed.iv.hex()}
    api.handle("/api/vault/list", reply({"items": listed, "count": 3}))
    api.handle("/api/vault/new", reply({"id": "new", **item, **changes}))


def of(api: ToolApi, *, trusted: bool = True, password: str = PASSWORD) -> Server:
    return Server(f"{api.url}/api", KEY, password, trusted)


def test_the_newest_item_of_the_label_is_opened(api: ToolApi) -> None:
    serve(api)
    assert remote.fetch(of(api), "stripe-prod") == SECRET.encode()
    assert [seen.target for seen in api.requests] == ["/api/vault/list", "/api/vault/new"]
    assert {seen.headers["authorization"] for seen in api.requests} == {f"Bearer {KEY}"}


def test_a_missing_label_and_a_missing_item_are_not_found(api: ToolApi) -> None:
    serve(api)
    with pytest.raises(CredentialNotFound):
        remote.fetch(of(api), "stripe")
    api.handle("/api/vault/new", reply({"error": "gone"}, status=404))
    with pytest.raises(CredentialNotFound):
        remote.fetch(of(api), "stripe-prod")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_a_locked_vault(api: ToolApi, status: int) -> None:
    api.handle("/api/vault/list", reply({"error": "no"}, status=status))
    with pytest.raises(VaultLocked):
        remote.fetch(of(api), "stripe-prod")


def test_a_wrong_password_is_a_locked_vault(api: ToolApi) -> None:
    serve(api, value="ü" * 200)  # so long that no noise is text by chance
    with pytest.raises(VaultLocked):
        remote.fetch(of(api, password="another one"), "stripe-prod")


@pytest.mark.parametrize(
    "behaviour",
    [
        reply({"error": "planted words"}, status=500),
        reply(status=302, headers={"Location": "http://169.254.169.254/"}),
        reply(b"not JSON"),
        reply([]),
        reply({"items": {}}),
        reply({"items": [{"label": "stripe-prod", "id": "../../etc"}]}),
        reply({"items": [{"label": "stripe-prod", "id": 7}]}),
        reply({"items": [{"label": "stripe-prod"}]}),
        reply(b'{"items": [' + b" " * (5 * 1024 * 1024) + b"]}"),
        reply({"items": []}, headers={"Content-Encoding": "gzip"}),
        cut,
    ],
)
def test_any_other_answer_is_a_failed_source(api: ToolApi, behaviour: tool_api.Behaviour) -> None:
    api.handle("/api/vault/list", behaviour)
    with pytest.raises(SourceFailed) as failed:
        remote.fetch(of(api), "stripe-prod")
    assert "planted" not in f"{failed.value!r}"
    assert KEY not in f"{failed.value!r}"
    assert failed.value.__cause__ is None


@pytest.mark.parametrize(
    "changes", [{"iv": "00"}, {"salt": "zz"}, {"salt": ""}, {"encryptedData": None}, {"encryptedData": "00" * 70_000}]
)
def test_an_item_that_cannot_be_one_is_a_failed_source(api: ToolApi, changes: dict[str, Any]) -> None:
    serve(api, **changes)
    with pytest.raises(SourceFailed):
        remote.fetch(of(api), "stripe-prod")


def test_a_silent_server_is_not_waited_for(api: ToolApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", 0.3)
    api.handle("/api/vault/list", tool_api.drip(0.05))
    with pytest.raises(SourceFailed):
        remote.fetch(of(api), "stripe-prod")


def test_a_private_address_is_not_reached_for_a_tenant(api: ToolApi, settings: Any) -> None:
    serve(api)
    for url in (api.url, f"http://localhost:{api.port}"):
        with pytest.raises(SourceFailed):
            remote.fetch(Server(f"{url}/api", KEY, PASSWORD, trusted=False), "stripe-prod")
    assert not api.requests
    settings.TOOL_ALLOWED_HOSTS = [api.host]
    assert remote.fetch(of(api, trusted=False), "stripe-prod") == SECRET.encode()


# --- what a workspace stores ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_key_and_password_are_sealed_and_bound_to_the_address(cast: Cast) -> None:
    who = access.for_slug("acme")
    server.connect("http://127.0.0.1:9/api/", key=KEY, password=PASSWORD, acting=who)
    row = DenyServer.objects.get()
    assert row.base_url == "http://127.0.0.1:9/api"
    assert KEY.encode() not in bytes(row.sealed)
    assert PASSWORD.encode() not in bytes(row.sealed)
    assert server.of(cast.acme.pk) == Server("http://127.0.0.1:9/api", KEY, PASSWORD, trusted=True)
    assert KEY not in repr(server.of(cast.acme.pk))
    for change in ({"base_url": "http://evil.example/api"}, {"by_operator": False}, {"tenant": cast.elsewhere}):
        DenyServer.objects.update(**{"base_url": row.base_url, "by_operator": True, "tenant": cast.acme, **change})
        with pytest.raises(Damaged):
            server.of(cast.elsewhere.pk if "tenant" in change else cast.acme.pk)


@pytest.mark.django_db
def test_stored_secrets_stay_with_their_address(cast: Cast) -> None:
    who = access.for_slug("acme")
    server.connect("http://127.0.0.1:9/api", key=KEY, password=PASSWORD, acting=who)
    server.connect("http://127.0.0.1:9/api", password="another one", acting=who)
    assert server.of(cast.acme.pk) == Server("http://127.0.0.1:9/api", KEY, "another one", trusted=True)
    with pytest.raises(Refused, match="API key"):
        server.connect("http://127.0.0.1:10/api", password=PASSWORD, acting=who)
    # Neither may an admin of the workspace inherit the operator's trust in a private address.
    with pytest.raises(Refused, match="private"):
        server.connect("http://127.0.0.1:9/api", acting=cast.owner)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/api", "http://localhost/api", "http://93.184.215.14/api", "ftp://x/api", "", "https://x/?a"],
)
def test_an_address_that_a_tenant_may_not_name_is_refused(cast: Cast, url: str) -> None:
    with pytest.raises(Refused):
        server.connect(url, key=KEY, password=PASSWORD, acting=cast.owner)
    assert server.named(cast.acme) is None


@pytest.mark.django_db
def test_members_may_not_and_every_change_is_audited(cast: Cast, settings: Any) -> None:
    settings.TOOL_ALLOWED_HOSTS = ["127.0.0.1:9"]
    url = "http://127.0.0.1:9/api"
    for act in (
        lambda: server.connect(url, key=KEY, password=PASSWORD, acting=cast.principal(cast.bob)),
        lambda: server.disconnect(acting=cast.principal(cast.bob)),
    ):
        with pytest.raises(PermissionDenied):
            act()
    server.connect(url, key=KEY, password=PASSWORD, acting=cast.owner)
    assert server.disconnect(acting=cast.owner)
    assert not server.disconnect(acting=cast.owner)
    rows = AuditRow.objects.for_tenant(cast.acme).filter(verb="denysh.server").order_by("n")
    assert [row.subject for row in rows] == [url, ""]
    assert KEY not in json.dumps([row.detail for row in rows])


@pytest.mark.django_db
def test_a_call_takes_its_credential_from_the_server_and_never_falls_back(vault: Vault, api: ToolApi) -> None:
    def opened() -> bytes | type[VaultError]:
        try:
            return credentials.open_for_call(vault.tenant.pk, "stripe-prod", "")
        except VaultError as error:
            return type(error)

    assert opened() is VaultLocked
    who = access.for_slug("acme")
    server.connect(f"{api.url}/api", key=KEY, password=PASSWORD, acting=who)
    serve(api)
    assert opened() == SECRET.encode()
    api.handle("/api/vault/list", cut)
    assert opened() is SourceFailed
    server.disconnect(acting=who)
    assert opened() is VaultLocked


def test_no_process_of_the_app_inherits_what_single_commands_are_given() -> None:
    given = {"DENY_API_KEY": KEY, "DENY_VAULT_PASSWORD_FILE": "/x", "VAULT_BACKUP_PASSPHRASE": PASSWORD}
    for make in (children.tools, children.turns, children.beat):
        assert not set(given) & set(make({**given, "DATA_DIR": "/x", "LOG_LEVEL": "WARNING"}).environment)
