"""What outlives retired server keys, in a file that somebody's hand was in: it is missed, and nothing ends by it."""

import asyncio
import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from chat import tripwires
from deny_web import db, doctor
from tenants import access, audit
from tenants.access import Act
from tests.cast import Cast
from tests.tripwire_cast import VALUE, Trap, arm, message, settled, wait_for
from vault import server_keys
from vault.errors import UnknownServerKey
from vault.tripwires import keys, marks

pytestmark = pytest.mark.django_db(transaction=True)
FILES = ("audit_keys", "tripwire_keys", "compaction_keys")


def forget() -> None:
    """As a process that has just started."""
    server_keys.reload()
    audit._key.cache_clear()
    keys.of_tenant.cache_clear()
    keys.of_buckets.cache_clear()


@pytest.fixture
def retired(settings: Any, tmp_path: Path, cast: Cast) -> Iterator[Trap]:
    """A honeytoken and audit rows whose server key is retired."""
    settings.DATA_DIR = tmp_path
    forget()
    trap = arm(cast)
    call_command("rotate_server_keys", "--retire", "--wait", "0", stderr=io.StringIO())
    forget()
    yield trap
    forget()


def folder(trap: Trap) -> Path:
    return Path(server_keys.settings.DATA_DIR)


def _opened(path: Path) -> None:
    path.chmod(0o644)


def _unreadable(path: Path) -> None:
    """Whoever runs this may be root, who reads whatever is a file."""
    path.unlink()
    path.mkdir(mode=0o700)


def _nonsense(path: Path) -> None:
    path.write_text("nonsense\n")


SLIPS = pytest.mark.parametrize("slip", [_opened, _unreadable, _nonsense])


@SLIPS
def test_a_file_that_cannot_be_used_is_a_key_that_is_not_here(retired: Trap, slip: Callable[[Path], None]) -> None:
    assert keys.of_tenant(retired.token.key_id, retired.tenant.pk)
    for name in FILES:
        slip(folder(retired) / name)
    forget()
    with pytest.raises(UnknownServerKey):
        keys.of_tenant(retired.token.key_id, retired.tenant.pk)
    assert keys.known_ids() == {server_keys.current().id}
    assert "server key that is not here" in (audit.verify(retired.tenant).fault or "")


def test_turns_go_on_while_it_cannot_be_used(retired: Trap) -> None:
    """A SystemExit on a database thread goes through the event loop, and ends the process with all its turns."""
    (folder(retired) / "tripwire_keys").chmod(0o644)
    tripwires.of_input(retired.cast.owner, [message(VALUE)])
    with pytest.raises(access.Unauthenticated):
        access.for_bearer(f"Bearer {VALUE}", Act.CHAT)
    settled()
    assert retired.raised() == []
    (folder(retired) / "tripwire_keys").chmod(0o600)
    owner = access.for_session(retired.cast.alice, "acme", Act.CHAT)
    tripwires.of_input(owner, [message(VALUE)])
    assert len(wait_for(retired, 1)) == 1


def test_no_database_thread_ends_its_event_loop(retired: Trap) -> None:
    (folder(retired) / "tripwire_keys").chmod(0o644)

    async def ask() -> str:
        try:
            await db.run(marks.of_value, VALUE, retired.token.key_id, retired.cast.acme.pk)
        except UnknownServerKey:
            return "refused"
        return "answered"

    assert asyncio.run(ask()) == "refused"


def test_the_honeytoken_s_page_says_that_it_is_not_seen(retired: Trap, client: Any) -> None:
    (folder(retired) / "tripwire_keys").chmod(0o644)
    client.force_login(retired.cast.alice)
    for address in (f"/t/acme/console/tripwires/{retired.token.pk}/", "/t/acme/console/tripwires/"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert "server key" in answer.content.decode()


def test_it_is_said_once_and_again_after_it_was_mended(retired: Trap, caplog: pytest.LogCaptureFixture) -> None:
    path = folder(retired) / "tripwire_keys"
    with caplog.at_level(logging.ERROR, logger="vault.derived_keys"):
        for mode in (0o644, 0o644, 0o600, 0o640):
            path.chmod(mode)
            keys.known_ids()
    assert [record.getMessage().count("chmod 600") for record in caplog.records] == [1, 1]


@SLIPS
def test_doctor_says_which_file_cannot_be_used(retired: Trap, slip: Callable[[Path], None]) -> None:
    good = list(doctor.keys())
    slip(folder(retired) / "audit_keys")
    *others, found = doctor.keys()
    assert others == good
    assert (found.subject, found.state) == ("retired keys", doctor.State.WRONG)
    assert "audit_keys" in found.text
