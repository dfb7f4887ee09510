"""Changing passwords: `roll` replaces one's own, `add_password` makes another compartment.

Both seal the header and every row afresh in one transaction, raise every version, end the lease and leave one
`vault.write` in the audit trail: an extra compartment would show if the act that makes it looked like nothing else.
Both commit whole or not at all; an act that began before finds another header version and is told "busy".
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace

from django.db.models import F

from tenants.models import Tenant
from vault import compartments, header, leases, outer, storage
from vault.compartments import WRITE, Actor, Opened, acting
from vault.errors import Busy, InvalidPassword, NoRoom
from vault.models import VaultEntry, VaultHeader
from vault.sealing import KEY

_TAKEN = "This password opens something here already. Choose another one."
_CHUNK = 50  # rows in memory at once; a row has up to 130 kB


def roll(tenant: Tenant, old: str, new: str, *, actor: Actor) -> None:
    """Give the compartment of `old` a new password and a new master key, over every entry. Ends the lease.

    Raises:
        InvalidPassword: the new one is too weak, or opens something here already.
        WrongPassword, NoVault, Busy, Damaged: nothing was changed.
    """
    compartments.check_new_password(new, tenant, actor)
    opened = compartments.open_with(tenant, old)
    key, mine = opened.key(new), opened.compartment
    rolled = replace(mine, master_key=os.urandom(KEY))
    with acting(tenant, opened, WRITE, actor=actor) as outcome:
        if opened.find(key):
            outcome.refusal = InvalidPassword(_TAKEN)
        slots = header.replace(opened.header, opened.vault_id, key, rolled)
        _seal_afresh(tenant, opened, slots, lambda entry: storage.resealed(entry, opened.vault_id, mine, rolled))
    leases.end(tenant.pk)


def add_password(tenant: Tenant, new: str, survivors: Iterable[str], *, actor: Actor) -> None:
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
    opened = replace(vault, right=len(kept) == len(named))
    slots = header.add(vault.header, vault.vault_id, key, kept)
    with acting(tenant, opened, WRITE, actor=actor) as outcome:
        if vault.find(key):
            outcome.refusal = InvalidPassword(_TAKEN)
        _seal_afresh(tenant, opened, slots, lambda entry: storage.slots_of(entry, vault.vault_id))
    leases.end(tenant.pk)


def _seal_afresh(tenant: Tenant, opened: Opened, slots: bytes, rewrite: Callable[[VaultEntry], bytes]) -> None:
    """Every row of the vault in a fresh outer token: the entries as `rewrite` has them, the header with `slots`.

    `changed_at` stays: it tells of values, and this is not an act on one.
    """
    entries = VaultEntry.objects.for_tenant(tenant)
    ids = tuple(entries.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(ids), _CHUNK):
        for entry in entries.filter(pk__in=ids[start : start + _CHUNK]):
            storage.replace(entry, rewrite(entry), opened.vault_id, at=entry.changed_at)
    sealed = outer.seal(slots, opened.vault_id, opened.vault_id)
    same = VaultHeader.objects.for_tenant(tenant).filter(version=opened.version)
    if not same.update(sealed=sealed, version=F("version") + 1):
        raise Busy
