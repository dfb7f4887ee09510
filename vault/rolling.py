"""Changing passwords: `roll` replaces one's own, `add_password` makes another compartment.

Both seal the header and every row afresh, raise every version, write one slot of every row anew, end the lease and
leave one `vault.write` in the audit trail: an extra compartment would show if the act that makes it looked like
nothing else.

The work is staged (`vault.staging`) and swapped in at the end, whole or not at all. Interrupted at any point, the old
passwords hold; the same call with the same passwords goes on where it was. Tools work on until the swap, acts that
write are told "busy".
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils import timezone

from tenants.models import Tenant
from vault import compartments, header, leases, staging, storage
from vault.compartments import RUNNING, Actor
from vault.errors import Busy, InvalidPassword, NoRoom, VaultError, WrongPassword
from vault.header import Compartment
from vault.memory import Key
from vault.models import VaultEntry, VaultStage
from vault.sealing import KEY
from vault.staging import Change, Told

_TAKEN = "This password opens something here already. Choose another one."
# True whether it was wrong all along or until a moment ago, so it tells nothing.
_MAYBE_DONE = (
    "This password opens nothing here. Nothing was changed. If a change was cut off just before it said that it is "
    "done, the new password is the one."
)
_ROUNDS = 5  # of staging what was written meanwhile


@dataclass(frozen=True, slots=True)
class Progress:
    """A change of passwords that is under way, or was interrupted: then nobody is `running` it."""

    done: int
    total: int
    began_at: datetime
    running: bool


def roll(tenant: Tenant, old: str, new: str, *, actor: Actor, told: Told | None = None) -> None:
    """Give the compartment of `old` a new password and a new master key, over every entry. Ends the lease.

    Raises:
        InvalidPassword: the new one is too weak, or opens something here already.
        WrongPassword, NoVault, Busy, Damaged: nothing was changed.
    """
    compartments.check_new_password(new, tenant, actor)
    opened = compartments.open_with(tenant, old)
    key, mine, vault_id = opened.key(new), opened.compartment, opened.vault_id

    def begin() -> bytes:
        return header.replace(opened.header, vault_id, key, replace(mine, master_key=Key(os.urandom(KEY))))

    def goes_on(found: Compartment) -> bool:
        return (found.number, found.place) == (mine.number, mine.place)

    def rewrite(entry: VaultEntry, rolled: Compartment) -> bytes:
        return storage.resealed(entry, vault_id, mine, rolled)

    refusal: VaultError | None = InvalidPassword(_TAKEN) if opened.find(key) else None
    if not opened.right:
        refusal = WrongPassword(_MAYBE_DONE)
    _run(tenant, Change(opened, key, begin, goes_on, rewrite), refusal, actor, told)


def add_password(tenant: Tenant, new: str, survivors: Iterable[str], *, actor: Actor, told: Told | None = None) -> None:
    """Make another compartment, under `new`. Ends the lease.

    `survivors` are the passwords whose compartments shall survive. One that is left out may be overwritten, since
    nothing can know that it is there: say so before asking.

    Raises:
        InvalidPassword: the new one is too weak or opens something here already, or no survivor is named.
        WrongPassword: one of the survivors opens nothing.
        NoRoom: the survivors hold all eight.
        NoVault, Busy, Damaged: nothing was changed.
    """
    compartments.check_new_password(new, tenant, actor)
    named = tuple(dict.fromkeys(survivors))
    if not named:
        raise InvalidPassword("Name at least one password whose values shall survive.")
    if len(named) >= header.SLOTS:
        raise NoRoom
    vault = compartments.look(tenant)
    key = vault.key(new)
    found = [vault.find(vault.key(password)) for password in named]
    kept = [compartment for compartment in found if compartment]

    def begin() -> bytes:
        return header.add(vault.header, vault.vault_id, key, kept)

    def goes_on(made: Compartment) -> bool:
        return all(made.number != one.number and made.place != one.place for one in kept)

    def rewrite(entry: VaultEntry, made: Compartment) -> bytes:
        # One slot anew here as well: who has the new password and two states of the row sees the same as after a roll.
        return storage.emptied(entry, vault.vault_id, made)

    refusal: VaultError | None = InvalidPassword(_TAKEN) if vault.find(key) else None
    if len(kept) != len(named):
        refusal = WrongPassword()
    _run(tenant, Change(vault, key, begin, goes_on, rewrite), refusal, actor, told)


def progress(tenant: Tenant) -> Progress | None:
    """How far the workspace's change of passwords is, or None when there is none. Opens nothing."""
    stage = VaultStage.objects.for_tenant(tenant).defer("sealed").first()
    if stage is None:
        return None
    total = VaultEntry.objects.for_tenant(tenant).count()
    running = stage.touched_at > timezone.now() - RUNNING
    return Progress(min(stage.rows.count(), total), total, stage.began_at, running)


def _run(tenant: Tenant, change: Change, refusal: VaultError | None, actor: Actor, told: Told | None) -> None:
    stage = staging.begin(tenant, change, refusal, actor=actor)
    try:
        for _ in range(_ROUNDS):
            staging.fill(tenant, stage, change, told or _untold)
            if staging.swap(tenant, stage, change, actor=actor):
                break
        else:
            raise Busy
    except VaultError:
        staging.drop(stage)
        raise
    leases.end(tenant.pk)


def _untold(done: int, total: int) -> None:
    """Nobody wants to hear."""
