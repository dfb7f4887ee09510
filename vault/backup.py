"""A vault as one sealed file, to keep elsewhere or to move to another server: all slots and ids as they are.

    file  = "deny-web vault 1\\n" ‖ salt (32) ‖ frame…
    K     = Argon2id(NFC(passphrase), salt)                                        as in `vault.derivation`
    frame = u32 length ‖ slot(K, "deny-web/v1/backup", record, 0x01‖salt‖u64 n)    n counts the frames from 0
    record = u8 kind ‖ u32 length of the JSON ‖ JSON ‖ bytes

The kinds: the vault (its header's slots), an entry (its row of slots), an item of deny.sh's clients (as they sealed
it), and the end. Each frame is bound to its number and the last one says that it is the last: frames that were changed,
swapped, left out or cut off are refused, and then nothing is imported.

The server key's outer layer is taken off, since the other server has other keys, and the passphrase takes its place;
what is inside still opens under the vault's passwords alone. Nothing asks for one, so a file tells of none.
"""

import json
import os
import struct
import tempfile
import uuid
from collections.abc import Generator, Iterator
from contextlib import closing
from datetime import datetime
from enum import IntEnum
from typing import IO, Any

from django.db import IntegrityError, transaction

from tenants import audit
from tenants.models import Tenant
from vault import compartments, derivation, header, labels, outer, row, sealed_fields, sealing, storage
from vault.compartments import Actor
from vault.denysh import items
from vault.derivation import compartment_key
from vault.errors import Damaged, InvalidLabel, NoVault, Refused, VaultExists, WrongPassword
from vault.models import SealedItem, VaultEntry, VaultHeader
from vault.sealing import VERSION

MAGIC = b"deny-web vault 1\n"
LABEL = b"deny-web/v1/backup"
EXPORT, IMPORT = "vault.export", "vault.import"
_LENGTH, _NUMBER, _HEAD = struct.Struct(">I"), struct.Struct(">Q"), struct.Struct(">BI")
_MOST = 1024 * 1024  # bytes of a frame; the largest row has 132 kB
_IN_MEMORY = 8 * 1024 * 1024
_CHUNK = 50  # rows in memory at once


class Kind(IntEnum):
    VAULT = 1
    ENTRY = 2
    ITEM = 3
    END = 4


Record = tuple[Kind, dict[str, Any], bytes]


def export_vault(tenant: Tenant, passphrase: str, target: IO[bytes], *, actor: Actor) -> int:
    """Write the workspace's vault to `target`; returns how many entries and items it has.

    Raises:
        InvalidPassword: the passphrase is too weak. NoVault, Damaged, Busy: nothing was written.
    """
    compartments.check_new_password(passphrase, tenant, actor)
    salt = os.urandom(derivation.SALT)
    key = compartment_key(passphrase, salt)
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as sealed:  # what a slow pipe would otherwise lock the database for
        sealed.write(MAGIC + salt)
        with transaction.atomic():
            audit.record(tenant, EXPORT, actor=actor)
            for n, record in enumerate(_records(tenant)):
                frame = sealing.seal(key, LABEL, _pack(record), _aad(salt, n))
                sealed.write(_LENGTH.pack(len(frame)) + frame)
        sealed.seek(0)
        while block := sealed.read(65536):
            target.write(block)
    return n - 1


def import_vault(tenant: Tenant, passphrase: str, source: IO[bytes], *, actor: Actor) -> int:
    """Make the workspace's vault from a file, whole or not at all; returns how many entries and items it has.

    Raises:
        VaultExists: the workspace has one. Refused: an entry or item of the file is on this server already.
        WrongPassword: the passphrase does not open the file. Damaged: it is changed or cut off.
    """
    if source.read(len(MAGIC)) != MAGIC:
        raise Damaged("This is not a file that `vault export` wrote.")
    salt = source.read(derivation.SALT)
    key = compartment_key(passphrase, salt)
    try:
        with transaction.atomic(), closing(_frames(source, key, salt)) as frames:
            if compartments.exists(tenant):
                raise VaultExists
            vault_id, count = _make_vault(tenant, next(frames)), 0
            for record in frames:
                _make(tenant, vault_id, record)
                count += 1
            audit.record(tenant, IMPORT, actor=actor)
    except IntegrityError:
        raise Refused("An entry or item of this file is on this server already; an id has one place.") from None
    except (KeyError, TypeError, ValueError, InvalidLabel, StopIteration, struct.error):
        raise Damaged("The file is damaged. Nothing was imported.") from None
    return count


# --- out --------------------------------------------------------------------------------------------------------


def _records(tenant: Tenant) -> Iterator[Record]:
    # Locked, so that no act under a password writes while the rows are read.
    vault = VaultHeader.objects.for_tenant(tenant).select_for_update().first()
    if vault is None:
        raise NoVault
    vault_id = bytes(vault.vault_id)
    facts = {"vault_id": vault_id.hex(), "salt": bytes(vault.salt).hex(), "latched": vault.unattended_latched}
    yield Kind.VAULT, facts | {"made": _text(vault.created_at)}, outer.open_row(vault.sealed, vault_id, vault_id)
    for entry in VaultEntry.objects.for_tenant(tenant).order_by("label").iterator(chunk_size=_CHUNK):
        facts = {"id": entry.pk.hex, "label": entry.label, "band": entry.band, "made": _text(entry.created_at)}
        yield Kind.ENTRY, facts | {"changed": _text(entry.changed_at)}, storage.slots_of(entry, vault_id)
    for item in SealedItem.objects.for_tenant(tenant).order_by("created_at", "pk").iterator(chunk_size=_CHUNK):
        facts = {"id": item.pk.hex, "label": item.label, "category": item.category, "made": _text(item.created_at)}
        sealed = sealed_fields.open(items.purpose(item), item.tenant_id, item.sealed)
        yield Kind.ITEM, facts | {"changed": _text(item.updated_at)}, sealed
    yield Kind.END, {}, b""


def _pack(record: Record) -> bytes:
    kind, facts, data = record
    text = json.dumps(facts, ensure_ascii=False).encode()
    return _HEAD.pack(kind, len(text)) + text + data


def _text(at: datetime) -> str:
    return at.isoformat()


def _aad(salt: bytes, n: int) -> bytes:
    return VERSION + salt + _NUMBER.pack(n)


# --- in ---------------------------------------------------------------------------------------------------------


def _frames(source: IO[bytes], key: bytes | bytearray, salt: bytes) -> Generator[Record, None, None]:
    """The records up to the end, which has to be there, with nothing behind it."""
    n = 0
    while True:
        record = _unpack(_open(source, key, _aad(salt, n), first=n == 0))
        if record[0] == Kind.END:
            break
        yield record
        n += 1
    if source.read(1):
        raise Damaged("Something follows the end of the file. Nothing was imported.")


def _open(source: IO[bytes], key: bytes | bytearray, aad: bytes, *, first: bool) -> bytes:
    prefix = source.read(_LENGTH.size)
    length = _LENGTH.unpack(prefix)[0] if len(prefix) == _LENGTH.size else 0
    frame = source.read(length) if 0 < length <= _MOST else b""
    plaintext = sealing.open_slot(key, LABEL, frame, aad) if frame and len(frame) == length else None
    if plaintext is not None:
        return plaintext
    if first:
        raise WrongPassword("This passphrase does not open the file, or the file's beginning is damaged.")
    raise Damaged("The file is damaged or cut off. Nothing was imported.")


def _unpack(plaintext: bytes) -> Record:
    kind, length = _HEAD.unpack_from(plaintext)
    data = plaintext[_HEAD.size :]
    return Kind(kind), json.loads(data[:length] or "{}"), data[length:]


def _make_vault(tenant: Tenant, record: Record) -> bytes:
    kind, facts, slots = record
    vault_id, salt = bytes.fromhex(facts["vault_id"]), bytes.fromhex(facts["salt"])
    if kind != Kind.VAULT or len(vault_id) != 16 or len(salt) != derivation.SALT or len(slots) != header.SIZE:
        raise ValueError
    VaultHeader.objects.create(
        tenant=tenant,
        vault_id=vault_id,
        salt=salt,
        sealed=outer.seal(slots, vault_id, vault_id),
        unattended_latched=bool(facts["latched"]),
    )
    VaultHeader.objects.for_tenant(tenant).update(created_at=datetime.fromisoformat(facts["made"]))
    return vault_id


def _make(tenant: Tenant, vault_id: bytes, record: Record) -> None:
    kind, facts, data = record
    made, changed = (datetime.fromisoformat(facts[name]) for name in ("made", "changed"))
    pk, label = uuid.UUID(facts["id"]), labels.clean(facts["label"])
    if kind == Kind.ENTRY:
        if facts["band"] not in row.BANDS or len(data) != header.SLOTS * sealing.size(facts["band"]):
            raise ValueError
        entry = VaultEntry(id=pk, tenant=tenant, label=label, band=facts["band"], changed_at=changed)
        entry.sealed = outer.seal(data, vault_id, pk.bytes)
        entry.save(force_insert=True)
        VaultEntry.objects.for_tenant(tenant).filter(pk=pk).update(created_at=made)
    elif kind == Kind.ITEM:
        items.restore(tenant, pk, label, str(facts["category"]), data, made=made, changed=changed)
    else:
        raise ValueError
