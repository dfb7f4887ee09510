"""Labels and the values beneath them, one compartment's at a time.

    put     creates the label, or writes one's own slot, whatever it held
    make    creates the label without any value
    rotate  writes one's own slot, which must hold a value: a mistyped label makes nothing
    get     one's own value; audited as a reveal
    delete  empties one's own slot; a slot that was empty is emptied again, which is an ordinary act
    purge   removes the label with every compartment's value; opens nothing, so it needs no password
    list    the labels, which are public

Every write is audited as `vault.write`, a purge too: a reader of the trail learns the label and the time. A label that
holds nothing under a password is ordinary: `make` makes such ones for tools and people, `delete` leaves them behind.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants import audit
from tenants.models import Tenant
from vault import compartments, labels, row, scrub, storage, worker
from vault.compartments import WRITE, Actor, acting
from vault.errors import Busy, CredentialNotFound, InvalidValue, NoValue
from vault.models import VaultEntry
from vault.row import BANDS, DEFAULT_BAND, Value

REVEAL = "vault.reveal"


def put(tenant: Tenant, label: str, value: bytes, *, password: str, actor: Actor, band: int | None = None) -> None:
    """Store a value under `label` in the password's compartment. `band` (bytes) is for a new label.

    Raises:
        InvalidLabel, InvalidValue: with the reason; a band that differs from the label's is one.
        WrongPassword, NoVault, Busy, Damaged: nothing was changed.
    """
    label = labels.clean(label)
    _check(value)
    if band not in (None, *BANDS):
        raise InvalidValue("The band is 1024, 4096 or 16384 bytes.")
    opened = compartments.open_with(tenant, password)
    with acting(tenant, opened, WRITE, actor=actor, subject=label):
        entry, at = storage.find(tenant, label), timezone.now()
        if entry is None:
            mine = opened.compartment, Value(value)
            if not storage.create(tenant, label, band or DEFAULT_BAND, vault_id=opened.vault_id, at=at, own=mine):
                raise Busy  # `make` was first, a moment ago
        elif band not in (None, entry.band):
            raise InvalidValue(f"This label is in band {entry.band}, for good. Use another label for another band.")
        else:
            storage.write(entry, opened.vault_id, opened.compartment, Value(value), at=at)


def make(tenant: Tenant, label: str, *, actor: Actor, band: int = DEFAULT_BAND) -> bool:
    """Create a label without a value, as a tool that names one does; False when it exists. Opens nothing.

    Raises:
        InvalidLabel: with the reason. NoVault: values need a vault password first.
    """
    label = labels.clean(label)
    vault_id = compartments.look(tenant).vault_id
    with transaction.atomic():
        compartments.hold(tenant)
        scrub.soon()  # as behind `put`: a journal that was not cut would tell that this label was made without a value
        if not storage.create(tenant, label, band, vault_id=vault_id, at=timezone.now()):
            return False
        audit.record(tenant, WRITE, actor=actor, subject=label)
    return True


def rotate(tenant: Tenant, label: str, value: bytes, *, password: str, actor: Actor) -> None:
    """Replace the password's own value.

    Raises:
        CredentialNotFound: no such label; NoValue: nothing under this password, and nothing was stored.
        InvalidValue, WrongPassword, NoVault, Busy, Damaged: nothing was changed.
    """
    _check(value)
    _change(tenant, label, Value(value), password, actor, needs_value=True)


def delete(tenant: Tenant, label: str, *, password: str, actor: Actor) -> None:
    """Empty the password's own slot; the label and other compartments' values stay.

    Raises:
        CredentialNotFound: no such label.
        WrongPassword, NoVault, Busy, Damaged: nothing was changed.
    """
    _change(tenant, label, None, password, actor, needs_value=False)


def get(tenant: Tenant, label: str, *, password: str, actor: Actor) -> bytes:
    """The password's own value, shown to its owner: an act of its own in the audit trail.

    Raises:
        CredentialNotFound: no such label; NoValue: nothing under this password.
        WrongPassword, NoVault, Busy, Damaged.
    """
    label, value = labels.known(label), None
    opened = compartments.open_with(tenant, password)
    # Nothing found is audited as a reveal too. Were it not, a reveal in the trail would prove that some compartment
    # held a value then, to somebody who has a password under which there is none.
    with acting(tenant, opened, REVEAL, actor=actor, subject=label) as outcome:
        entry = storage.find(tenant, label)
        if entry is None:
            outcome.refusal = CredentialNotFound()
        else:
            value = storage.read(entry, opened.vault_id, opened.compartment)
    if value is None:
        raise NoValue
    return value.data


def purge(tenant: Tenant, label: str, *, actor: Actor, password: str | None = None) -> None:
    """Remove the label and every compartment's value beneath it. A password, if given, must open the vault.

    Raises:
        CredentialNotFound: no such label.
        WrongPassword: the password that was given opens nothing; nothing was changed.
    """
    label = labels.known(label)
    if password is not None:
        opened = compartments.open_with(tenant, password)
        with acting(tenant, opened, WRITE, actor=actor, subject=label) as outcome:
            outcome.refusal = _remove(tenant, label)
        return
    with transaction.atomic():
        compartments.hold(tenant)
        scrub.soon()
        refusal = _remove(tenant, label)
        if refusal:
            raise refusal
        audit.record(tenant, WRITE, actor=actor, subject=label)


def list(tenant: Tenant) -> Sequence[VaultEntry]:
    """The workspace's labels in order, without their sealed rows. Public: needs and opens nothing."""
    return tuple(VaultEntry.objects.for_tenant(tenant).defer("sealed").order_by("label"))


def open_under_lease(tenant_id: UUID, label: str, lease_id: str) -> bytes:
    """The value that a tool call uses; for tools workers only, who write the audit row of the call themselves.

    `lease_id` is the lease under which the call was made; "" if there was none, which only an unattended one serves.

    Raises:
        VaultLocked: there is no lease, or another one than the call's.
        CredentialNotFound, Damaged, Unavailable.
    """
    label = labels.known(label)
    vault_id, owner = worker.compartment(tenant_id, lease_id)
    entry = storage.find(tenant_id, label)
    if entry is None:
        raise CredentialNotFound
    value = storage.read(entry, vault_id, owner)
    if value is None:
        raise NoValue
    return value.data


def _check(value: bytes) -> None:
    if not value:
        raise InvalidValue("The value is empty. To remove one, delete it.")
    if len(value) > row.longest(BANDS[-1]):
        raise InvalidValue(f"A value has at most {row.longest(BANDS[-1])} bytes.")


def _change(tenant: Tenant, label: str, value: Value | None, password: str, actor: Actor, *, needs_value: bool) -> None:
    label = labels.known(label)
    opened = compartments.open_with(tenant, password)
    missing = False
    with acting(tenant, opened, WRITE, actor=actor, subject=label) as outcome:
        entry = storage.find(tenant, label)
        if entry is None:
            outcome.refusal = CredentialNotFound()
            return
        missing = needs_value and storage.read(entry, opened.vault_id, opened.compartment) is None
        # Where there is nothing to replace, nothing is written once more, which is an ordinary act. Were it refused in
        # the trail, a write beside a proxy's line of the form for replacing would prove that there was a value.
        storage.write(entry, opened.vault_id, opened.compartment, None if missing else value, at=timezone.now())
    if missing:
        raise NoValue


def _remove(tenant: Tenant, label: str) -> CredentialNotFound | None:
    removed, _ = VaultEntry.objects.for_tenant(tenant).filter(label=label).delete()
    return None if removed else CredentialNotFound()
