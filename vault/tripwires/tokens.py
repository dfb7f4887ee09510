"""What people do with honeytokens: make, arm, disarm, plant, delete. Each act is one transaction with its audit row.

Nothing here knows the vault, and the vault knows nothing of this: an entry's value is never armed, and no act compares
the two. A comparison would itself tell which of an entry's values is the true one.
"""

import uuid
from collections.abc import Collection

from django.db import IntegrityError, transaction

from tenants import api_keys, audit
from tenants.access import Act, Principal
from tenants.models import Tenant
from tenants.rules import need
from vault import labels, lookalikes
from vault.errors import Full, InvalidLabel, InvalidValue, Refused
from vault.lookalikes.catalogue import KEYS
from vault.models import Honeytoken
from vault.tripwires import keys, marks, planted, rotation

MOST = 200  # honeytokens of a workspace
LONGEST_NAME = 80
API_KEY = "deny-web"
KINDS: dict[str, str] = {
    API_KEY: "deny_web API key",
    **{slug: kind.title for slug, kind in lookalikes.CATALOGUE.items() if kind.group == KEYS},
}
"""What can be made: look-alikes of keys, of one of this server's own too. Numbers and addresses are met by chance."""

ARM, DISARM, DELETE, PLANT, HOOK = (f"tripwire.{act}" for act in ("arm", "disarm", "delete", "plant", "hook"))


def make(
    name: str, kind: str, *, acting: Principal, stops: bool = True, in_output: bool = True
) -> tuple[Honeytoken, str]:
    """A fresh fake of one of `KINDS`, armed: (its row, the value itself, which is shown once and kept nowhere).

    Raises:
        Refused: no such kind, the name cannot be used, or there are too many. PermissionDenied.
    """
    if kind not in KINDS:
        raise Refused("Choose a kind from the list.")
    value = api_keys.mint()[0] if kind == API_KEY else lookalikes.make(kind)
    return _create(name, kind, value, acting=acting, stops=stops, in_output=in_output), value


def arm_own(name: str, value: str, *, acting: Principal, stops: bool = True, in_output: bool = True) -> Honeytoken:
    """Arm a value that somebody made elsewhere.

    Raises:
        InvalidValue: too short, too long or too plain. Refused as `make`.
    """
    return _create(name, "", value, acting=acting, stops=stops, in_output=in_output)


def change(token: Honeytoken, *, acting: Principal, armed: bool | None = None, **options: bool) -> None:
    """Arm or disarm; `stops` and `in_output`. Disarming takes up what is planted."""
    need(acting, Act.VAULT_WRITE)
    unknown = set(options) - {"stops", "in_output"}
    if unknown:
        raise TypeError(f"not an option: {', '.join(sorted(unknown))}")
    with transaction.atomic():
        verb = DISARM if armed is False else ARM
        audit.record(acting.tenant, verb, actor=acting, subject=token.name, detail=dict(options))
        changes: dict[str, object] = dict(options)
        if armed is not None:
            changes["armed"] = armed
        if armed is False:
            changes |= {"sealed_value": None, "in_prompt": False, "in_results": [], "note": ""}
        Honeytoken.objects.for_tenant(acting.tenant).filter(pk=token.pk).update(**changes)
        _count(acting.tenant)


def delete(token: Honeytoken, *, acting: Principal) -> None:
    """It is not watched for any more; its alerts stay."""
    need(acting, Act.VAULT_WRITE)
    with transaction.atomic():
        audit.record(acting.tenant, DELETE, actor=acting, subject=token.name)
        Honeytoken.objects.for_tenant(acting.tenant).filter(pk=token.pk).delete()
        _count(acting.tenant)


def plant(
    token: Honeytoken, value: str, *, in_prompt: bool, in_results: Collection[str], note: str, acting: Principal
) -> None:
    """Place the value in the instructions of every turn, or in the results of tools; nowhere takes it up again.

    `value` may be empty where it is planted already.

    Raises:
        InvalidValue: it is not this honeytoken's value. Refused: the note has no place for it.
    """
    need(acting, Act.VAULT_WRITE)
    anywhere = in_prompt or bool(in_results)
    if anywhere:
        _check_planting(token, value, note)
    changes: dict[str, object] = {"in_prompt": in_prompt, "in_results": sorted(in_results), "note": note}
    if not anywhere:
        changes |= {"sealed_value": None, "note": ""}
    elif value:
        changes["sealed_value"] = planted.seal(token, value)
    with transaction.atomic():
        places = {"in_prompt": in_prompt, "in_results": sorted(in_results)}
        audit.record(acting.tenant, PLANT, actor=acting, subject=token.name, detail=places)
        Honeytoken.objects.for_tenant(acting.tenant).filter(pk=token.pk, armed=True).update(**changes)


def set_hook(token: Honeytoken, tool: str, args: str, *, acting: Principal) -> None:
    """Call this tool at each alert; an empty name for none. Raises Refused."""
    need(acting, Act.VAULT_WRITE)
    need(acting, Act.TOOLS_WRITE)
    rotator = rotation.rotator()
    version = rotator.check(acting.tenant, tool, args) if tool and rotator else None
    with transaction.atomic():
        audit.record(acting.tenant, HOOK, actor=acting, subject=token.name, detail={"tool": tool})
        Honeytoken.objects.for_tenant(acting.tenant).filter(pk=token.pk).update(
            hook_tool=tool if version is not None else "",
            hook_version=version,
            hook_args=args if version is not None else "",
            hook_by=acting.user,
        )


def _create(name: str, kind: str, value: str, *, acting: Principal, stops: bool, in_output: bool) -> Honeytoken:
    need(acting, Act.VAULT_WRITE)
    tenant, key_id, name = acting.tenant, keys.current_id(), _name(name)
    form = marks.measure(value)
    if form in marks.common(name):
        raise InvalidLabel("The name is shown to everybody who may see this page; do not put the value into it.")
    token = Honeytoken(
        pk=uuid.uuid4(),
        tenant=tenant,
        name=name,
        kind=kind,
        key_id=key_id,
        marks=marks.of_value(value, key_id, tenant.pk),
        bucket=marks.bucket(key_id, form),
        stops=stops,
        in_output=in_output,
        created_by=acting.user,
    )
    try:
        with transaction.atomic():
            # First, since it locks the workspace: two at once would both count one too few.
            audit.record(tenant, ARM, actor=acting, subject=name, detail={"kind": kind or "own"})
            if Honeytoken.objects.for_tenant(tenant).count() >= MOST:
                raise Full(f"A workspace keeps at most {MOST} honeytokens. Delete some first.")
            token.save(force_insert=True)
            _count(tenant)
    except IntegrityError:
        raise InvalidLabel("There is a honeytoken of this name already.") from None
    return token


def _count(tenant: Tenant) -> None:
    """What requests look at before they ask for honeytokens; the caller's audit row holds the workspace's lock."""
    armed = Honeytoken.objects.for_tenant(tenant).filter(armed=True).count()
    Tenant.objects.filter(pk=tenant.pk).update(armed_tripwires=armed)


def _check_planting(token: Honeytoken, value: str, note: str) -> None:
    if not token.armed:
        raise Refused("Arm it first: what is planted has to be watched for.")
    if note.count(planted.PLACEHOLDER) != 1 or len(note) > planted.LONGEST_NOTE:
        raise Refused(f"The note has {planted.PLACEHOLDER} in it once, and at most {planted.LONGEST_NOTE} characters.")
    if not value and token.sealed_value is None:
        raise InvalidValue("Enter the value: this server has kept only its hash.")
    if value:
        known = {digest for _, _, digest in token.marks}
        if not {mark.digest for mark in marks.of_value(value, token.key_id, token.tenant_id)} <= known:
            raise InvalidValue("This is not the value of this honeytoken.")


def _name(name: str) -> str:
    try:
        name = labels.clean(name)
    except InvalidLabel:
        name = ""
    if not name or len(name) > LONGEST_NAME:
        raise InvalidLabel(f"Give it a name of one line, with at most {LONGEST_NAME} characters.")
    return name
