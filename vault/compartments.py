"""Opening a workspace's vault with a password, and the frame that every act under a password runs in.

Wrong, first and any other password take the same steps: one derivation, a look at all eight slots, the same queries. A
password that opens nothing gets a compartment of noise and acts with it like any other; what it did is rolled back at
the end. An early return would tell by its time and its queries what the answer is before it is given.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants import audit, strength
from tenants.access import Principal
from tenants.models import Tenant
from vault import derivation, header, outer, scrub
from vault.errors import Busy, InvalidPassword, NoVault, VaultError, VaultExists, WrongPassword
from vault.header import Compartment
from vault.memory import Key
from vault.models import VaultHeader, VaultStage

Actor = Principal | str
WRITE = "vault.write"
REFUSED = "vault.refused"
RUNNING = timedelta(seconds=30)  # after its last sign of life, a change of passwords counts as under way
_VAULT_ID = 16


@dataclass(frozen=True, slots=True)
class Opened:
    """A vault as one password sees it. `right` tells whether the compartment is one, or noise."""

    vault_id: bytes
    version: int
    salt: bytes = field(repr=False)
    header: bytes = field(repr=False)
    compartment: Compartment = field(repr=False)
    right: bool = field(repr=False)

    def key(self, password: str) -> Key:
        """The compartment key of a password in this vault; one derivation."""
        return derivation.compartment_key(password, self.salt)

    def find(self, key: Key) -> Compartment | None:
        return header.find(self.header, self.vault_id, key)


@dataclass(slots=True)
class Outcome:
    """What an act says of itself: with a `refusal`, all that it wrote is taken back."""

    refusal: VaultError | None = None


def exists(tenant: Tenant) -> bool:
    """Whether the workspace has a vault password."""
    return VaultHeader.objects.for_tenant(tenant).exists()


def create(tenant: Tenant, password: str, *, actor: Actor, second: str | None = None) -> VaultHeader:
    """Make the vault of a workspace, with one compartment under `password`, and one under `second` if there is one.

    Both in one act with one audit row and two derivations, so that nothing tells whether there was a second.

    Raises:
        InvalidPassword: too weak, empty, or not text.
        VaultExists: there is one; `vault.rolling` changes passwords.
    """
    check_new_password(password, tenant, actor)
    if second is not None:
        check_new_password(second, tenant, actor)
    vault_id, salt = os.urandom(_VAULT_ID), os.urandom(derivation.SALT)
    slots = _new_header(vault_id, salt, password, second)
    try:
        with transaction.atomic():
            row = VaultHeader.objects.create(
                tenant=tenant, vault_id=vault_id, salt=salt, sealed=outer.seal(slots, vault_id, vault_id)
            )
            audit.record(tenant, WRITE, actor=actor)
    except IntegrityError:
        raise VaultExists from None
    return row


def _new_header(vault_id: bytes, salt: bytes, password: str, second: str | None) -> bytes:
    key = derivation.compartment_key(password, salt)
    other = derivation.compartment_key(password if second is None else second, salt)
    slots = header.create(vault_id, key)
    if second is None:
        return slots
    first = header.find(slots, vault_id, key)
    if first is None or key == other:
        raise InvalidPassword("The second password has to differ from the first.")
    return header.add(slots, vault_id, other, [first])


def check_new_password(password: str, tenant: Tenant, actor: Actor) -> None:
    """The gate for a password that shall open something from now on.

    Raises:
        InvalidPassword: with the gate's sentence.
    """
    guesses = [tenant.name, tenant.slug]
    if isinstance(actor, Principal) and actor.user:
        guesses.append(actor.user.email)
    try:
        strength.check(password, guesses)
    except strength.WeakPassword as weak:
        raise InvalidPassword(str(weak)) from None


def look(tenant: Tenant) -> Opened:
    """The vault without a password: its compartment is noise.

    Raises:
        NoVault, Damaged.
    """
    row = VaultHeader.objects.for_tenant(tenant).first()
    if row is None:
        raise NoVault
    vault_id = bytes(row.vault_id)
    slots = outer.open_row(row.sealed, vault_id, vault_id)
    return Opened(vault_id, row.version, bytes(row.salt), slots, header.nobody(), right=False)


def open_with(tenant: Tenant, password: str) -> Opened:
    """The vault under a password: one query, one derivation. A wrong one is not refused here but by `acting`.

    Raises:
        NoVault, Damaged, Busy, InvalidPassword.
    """
    vault = look(tenant)
    found = vault.find(vault.key(password))
    return Opened(
        vault.vault_id, vault.version, vault.salt, vault.header, found or vault.compartment, right=found is not None
    )


@contextmanager
def acting(tenant: Tenant, opened: Opened, verb: str, *, actor: Actor, subject: str = "") -> Iterator[Outcome]:
    """One act: everything that it writes and its audit row, or neither.

    The derivation before took a tenth of a second, in which a roll may have changed the keys: writing under the old
    ones would leave a value that nobody can open. So the header is locked and its version compared first.

    Raises:
        WrongPassword: the password opens nothing; what the act wrote is taken back, and the try is audited.
        Busy: the header changed meanwhile, or for a write: a change of passwords is under way.
        VaultError: the act's own refusal, likewise.
    """
    with transaction.atomic():
        if lock(tenant) != [opened.version]:
            raise Busy
        if verb == WRITE:
            refuse_while_changing(tenant)
            scrub.soon()
        mark, outcome = transaction.savepoint(), Outcome()
        yield outcome
        refusal = outcome.refusal if opened.right else WrongPassword()
        # One statement either way, so that the number of queries does not tell.
        (transaction.savepoint_rollback if refusal else transaction.savepoint_commit)(mark)
        audit.record(tenant, REFUSED if refusal else verb, actor=actor, subject=subject)
    if refusal:
        raise refusal from None


def hold(tenant: Tenant) -> None:
    """For acts that write without a password: keep any change of passwords from beginning until this transaction ends.

    One that began behind the check would stage a row that this act removes.

    Raises:
        Busy: somebody is changing the passwords at this moment.
    """
    lock(tenant)
    refuse_while_changing(tenant)


def lock(tenant: Tenant) -> Sequence[int]:
    """Lock the vault's header until the transaction ends; its version, or nothing where there is none."""
    return list(VaultHeader.objects.for_tenant(tenant).select_for_update().values_list("version", flat=True))


def refuse_while_changing(tenant: Tenant) -> None:
    """For acts that write: what is written while passwords change would have to be staged again, and again.

    A change that was interrupted stands in nobody's way: what is written then makes its stage stale, which shows by the
    row's version.

    Raises:
        Busy: somebody is changing the passwords at this moment.
    """
    running = VaultStage.objects.for_tenant(tenant).filter(touched_at__gt=timezone.now() - RUNNING)
    if running.exists():
        raise Busy("The vault's passwords are being changed. Nothing was changed by you; try again in a moment.")
