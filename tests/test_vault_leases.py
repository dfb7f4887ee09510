"""Unlocked for a while: replaced at once, over in time, bound to its tenant, and never with a key in sight."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
import redis
from django.db import connection
from django.utils import timezone

from tests.vault_cast import FIRST, NEW, SECOND, WRONG, Vault
from vault import compartments, entries, leases, rolling, worker
from vault.errors import Busy, CredentialNotFound, NoValue, NoVault, Refused, VaultLocked, WrongPassword
from vault.leases import Lease
from vault.models import VaultHeader
from vault.signals import lease_changed

PLANTED = b"sk_live_planted_51Hq8Zx"


@pytest.fixture
def stocked(vault: Vault) -> Vault:
    entries.put(vault.tenant, "stripe", PLANTED, password=FIRST, actor="operator")
    return vault


def unlock(vault: Vault, password: str = FIRST, ttl: int = 60) -> Lease:
    return leases.unlock(vault.tenant, password, ttl=ttl, actor=vault.cast.owner)


def opened(vault: Vault, lease_id: str, label: str = "stripe") -> bytes:
    return entries.open_under_lease(vault.tenant.pk, label, lease_id)


def test_a_lease_opens_its_compartment_for_workers(stocked: Vault) -> None:
    with pytest.raises(VaultLocked):
        opened(stocked, "")
    lease = unlock(stocked)
    assert leases.current(stocked.tenant.pk) == lease
    assert timedelta(seconds=55) < lease.expires_at - timezone.now() <= timedelta(seconds=60)
    assert opened(stocked, lease.id) == PLANTED
    with pytest.raises(CredentialNotFound):
        opened(stocked, lease.id, "nothing")
    assert stocked.verbs() == ["vault.write", "vault.unlock"]


def test_a_new_lease_replaces_the_old_one_at_once(stocked: Vault) -> None:
    stocked.add_second()
    entries.make(stocked.tenant, "empty", actor="operator")
    first, second = unlock(stocked), unlock(stocked, SECOND)
    assert first.id != second.id
    with pytest.raises(VaultLocked):
        opened(stocked, first.id)
    with pytest.raises(NoValue):
        opened(stocked, second.id)
    entries.put(stocked.tenant, "stripe", b"account B", password=SECOND, actor="operator")
    assert opened(stocked, second.id) == b"account B"


def test_a_call_made_while_locked_does_not_run_under_the_next_persons_lease(stocked: Vault) -> None:
    unlock(stocked)
    with pytest.raises(VaultLocked):
        opened(stocked, "")


def test_a_lease_ends_in_time(stocked: Vault, valkey_flushed: redis.Redis) -> None:
    lease = unlock(stocked, ttl=1)
    stored = leases.stored(stocked.tenant.pk)
    assert stored is not None
    assert 0 < valkey_flushed.pttl(f"vault:lease:{stocked.tenant.pk}") <= 1000
    time.sleep(1.1)
    assert leases.current(stocked.tenant.pk) is None
    # Even where Valkey's clock is behind and still has it.
    valkey_flushed.set(f"vault:lease:{stocked.tenant.pk}", stored)
    assert leases.current(stocked.tenant.pk) is None
    with pytest.raises(VaultLocked):
        opened(stocked, lease.id)


def test_locking_ends_it_and_may_be_done_twice(stocked: Vault) -> None:
    lease = unlock(stocked)
    leases.lock(stocked.tenant, actor=stocked.cast.owner)
    leases.lock(stocked.tenant, actor=stocked.cast.owner)
    assert leases.current(stocked.tenant.pk) is None
    with pytest.raises(VaultLocked):
        opened(stocked, lease.id)
    with pytest.raises(NoVault):
        leases.lock(stocked.cast.elsewhere, actor="operator")
    assert stocked.verbs()[1:] == ["vault.unlock", "vault.lock", "vault.lock"]


@pytest.mark.db_matrix
@pytest.mark.django_db(transaction=True)
def test_a_lock_between_an_unlockings_act_and_its_lease_wins(stocked: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    begin, committed, locked = leases.begin, Barrier(2, timeout=20), Barrier(2, timeout=20)

    def late(*args: Any, **options: Any) -> Lease | None:
        committed.wait()
        locked.wait()
        return begin(*args, **options)

    def unlocking() -> str:
        try:
            return unlock(stocked).id
        except Busy as refusal:
            return str(refusal)
        finally:
            connection.close()

    monkeypatch.setattr(leases, "begin", late)
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(unlocking)
        committed.wait()
        leases.lock(stocked.tenant, actor="operator")
        locked.wait()
        assert "at the same moment" in told.result()
    assert leases.current(stocked.tenant.pk) is None
    assert stocked.verbs()[1:] == ["vault.unlock", "vault.lock"]


def test_a_lease_that_comes_back_after_a_lock_serves_nobody(stocked: Vault, valkey_flushed: redis.Redis) -> None:
    lease, stored = unlock(stocked), leases.stored(stocked.tenant.pk)
    leases.lock(stocked.tenant, actor="operator")
    valkey_flushed.set(f"vault:lease:{stocked.tenant.pk}", stored or b"", ex=60)
    with pytest.raises(VaultLocked):
        opened(stocked, lease.id)


def test_a_wrong_password_leaves_the_lease_alone(stocked: Vault) -> None:
    lease = unlock(stocked)
    with pytest.raises(WrongPassword):
        unlock(stocked, WRONG)
    assert leases.current(stocked.tenant.pk) == lease
    assert stocked.verbs()[-1] == "vault.refused"


@pytest.mark.parametrize("ttl", [0, -1, leases.LONGEST_TTL + 1])
def test_a_time_out_of_range_is_refused(vault: Vault, ttl: int) -> None:
    with pytest.raises(Refused):
        unlock(vault, ttl=ttl)


def test_what_lies_in_valkey_shows_no_key_and_has_one_size(stocked: Vault, valkey_flushed: redis.Redis) -> None:
    stocked.add_second()
    sizes = set()
    for password in (FIRST, SECOND):
        lease = unlock(stocked, password)
        owner = compartments.open_with(stocked.tenant, password).compartment
        everything = b" ".join(valkey_flushed.dump(key) or b"" for key in valkey_flushed.scan_iter())
        assert lease.id.encode() in everything
        for secret in (owner.master_key, PLANTED, password.encode()):
            assert secret not in everything
        assert owner.master_key.hex() not in repr(lease)
        sizes.add(len(leases.stored(stocked.tenant.pk) or b""))
    assert len(sizes) == 1


def test_a_lease_is_bound_to_tenant_expiry_and_every_bit(stocked: Vault, valkey_flushed: redis.Redis) -> None:
    lease = unlock(stocked)
    name = f"vault:lease:{stocked.tenant.pk}"
    stored = leases.stored(stocked.tenant.pk)
    assert stored is not None
    for place in range(0, len(stored), 5):
        changed = bytearray(stored)
        changed[place] ^= 1
        valkey_flushed.set(name, bytes(changed))
        shown = leases.current(stocked.tenant.pk)
        with pytest.raises(VaultLocked):
            opened(stocked, shown.id if shown else lease.id)
    compartments.create(stocked.cast.elsewhere, FIRST, actor="operator")
    entries.make(stocked.cast.elsewhere, "stripe", actor="operator")
    valkey_flushed.set(f"vault:lease:{stocked.cast.elsewhere.pk}", stored)
    with pytest.raises(VaultLocked):
        entries.open_under_lease(stocked.cast.elsewhere.pk, "stripe", lease.id)
    valkey_flushed.set(name, stored)
    assert opened(stocked, lease.id) == PLANTED


def test_a_roll_and_an_added_password_end_the_lease(stocked: Vault) -> None:
    for act in (
        lambda: rolling.add_password(stocked.tenant, SECOND, [FIRST], actor="operator"),
        lambda: rolling.roll(stocked.tenant, FIRST, NEW, actor="operator"),
    ):
        unlock(stocked)
        act()
        assert leases.current(stocked.tenant.pk) is None


def test_a_lease_of_before_a_roll_is_no_lease(stocked: Vault, valkey_flushed: redis.Redis) -> None:
    lease, stored = unlock(stocked), leases.stored(stocked.tenant.pk)
    rolling.roll(stocked.tenant, FIRST, NEW, actor="operator")
    valkey_flushed.set(f"vault:lease:{stocked.tenant.pk}", stored or b"", ex=60)  # as if unlocking had been slower
    with pytest.raises(VaultLocked):
        opened(stocked, lease.id)


def test_a_change_is_told_when_it_can_be_read(stocked: Vault) -> None:
    heard: list[tuple[UUID, Lease | None, Lease | None]] = []

    def listener(*, tenant_id: UUID, lease: Lease | None, **_: Any) -> None:
        heard.append((tenant_id, lease, leases.current(tenant_id)))

    lease_changed.connect(listener)
    try:
        lease = unlock(stocked)
        leases.lock(stocked.tenant, actor="operator")
    finally:
        lease_changed.disconnect(listener)
    assert heard == [(stocked.tenant.pk, lease, lease), (stocked.tenant.pk, None, None)]


class TestUnattended:
    @pytest.fixture(autouse=True)
    def _environment(self, stocked: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        worker._refused.clear()
        monkeypatch.setenv("VAULT_PASSWORD_ACME", FIRST)

    def test_the_workers_password_opens_a_vault_that_nobody_unlocked(self, stocked: Vault) -> None:
        assert opened(stocked, "") == PLANTED
        lease = leases.current(stocked.tenant.pk)
        assert lease is not None
        assert lease.unattended
        assert opened(stocked, "") == opened(stocked, lease.id) == PLANTED
        assert stocked.verbs() == ["vault.write", "vault.unlock"]

    def test_a_slug_with_hyphens_has_underscores(self) -> None:
        assert worker.variable("a-b") == "VAULT_PASSWORD_A_B"

    def test_a_manual_unlock_or_lock_latches_until_it_is_handed_back(self, stocked: Vault) -> None:
        opened(stocked, "")
        leases.lock(stocked.tenant, actor="operator")
        with pytest.raises(VaultLocked):
            opened(stocked, "")
        leases.unattended(stocked.tenant, actor="operator")
        assert opened(stocked, "") == PLANTED
        unlock(stocked, ttl=1)
        time.sleep(1.1)
        with pytest.raises(VaultLocked):
            opened(stocked, "")
        leases.unattended(stocked.tenant, actor="operator")
        assert opened(stocked, "") == PLANTED

    def test_an_unattended_lease_that_outlived_a_manual_lock_serves_nobody(self, stocked: Vault) -> None:
        opened(stocked, "")
        lease = leases.current(stocked.tenant.pk)
        assert lease is not None
        VaultHeader.objects.for_tenant(stocked.tenant).update(unattended_latched=True)
        for lease_id in ("", lease.id):
            with pytest.raises(VaultLocked):
                opened(stocked, lease_id)

    def test_a_wrong_password_is_tried_once(
        self, stocked: Vault, monkeypatch: pytest.MonkeyPatch, derivations: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("VAULT_PASSWORD_ACME", WRONG)
        for _ in range(3):
            with pytest.raises(VaultLocked):
                opened(stocked, "")
        assert derivations() == 1
        assert "VAULT_PASSWORD_ACME opens nothing" in caplog.text
        assert WRONG not in caplog.text

    def test_a_password_file_that_is_not_there_locks_this_vault_and_ends_no_worker(
        self, stocked: Vault, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.delenv("VAULT_PASSWORD_ACME")
        monkeypatch.setenv("VAULT_PASSWORD_ACME_FILE", "/nowhere/at/all")
        with pytest.raises(VaultLocked):
            opened(stocked, "")
        assert "VAULT_PASSWORD_ACME_FILE names cannot be read" in caplog.text

    def test_a_call_of_an_ended_lease_does_not_unlock(self, stocked: Vault) -> None:
        with pytest.raises(VaultLocked):
            opened(stocked, "lease_" + "0" * 40)
        assert leases.current(stocked.tenant.pk) is None
