"""Compactions of the old form that clients sent back: they stand in items, under a server key that could not go.

At a rotation each is sealed afresh in the new form (`chat.compaction`), whose key outlives its server key. A client may
have stored whatever it liked under our prefix: what does not open is its own words, and holds up nothing.
"""

import base64
from collections import Counter
from collections.abc import Iterator

from django.db import transaction

from chat import compaction
from chat.models import Item
from vault import rewrap
from vault.errors import Damaged

_TOKEN = "body__encrypted_content"  # noqa: S105 - a column's name
_CHUNK = 200


class OldCompactions:
    """What `vault.rewrap` asks of what lies under server keys outside of columns of its own."""

    def run(self) -> int:
        """Seal all afresh; answers how many."""
        return sum(_swap(item, summary) for item, summary in _found())

    def used(self) -> Counter[int]:
        """How many lie under each server key."""
        return Counter(rewrap.key_id(_stored(item)) for item, _ in _found())


def _found() -> Iterator[tuple[Item, bytes]]:
    """Every one that opens, with its summary. One look at all items: a rotation is rare, and can wait."""
    rows = Item.objects.filter(body__type="compaction", body__encrypted_content__startswith=compaction.OLD)
    last = 0
    while chunk := list(rows.filter(pk__gt=last).order_by("pk")[:_CHUNK]):
        for item in chunk:
            try:
                yield item, compaction.unsealed(item.tenant_id, item.body["encrypted_content"])
            except Damaged:
                continue
        last = chunk[-1].pk


def _swap(item: Item, summary: bytes) -> int:
    """Over the very token that was read, and no other."""
    body = {**item.body, "encrypted_content": compaction.sealed(item.tenant_id, summary)}
    with transaction.atomic():
        return Item.objects.filter(pk=item.pk, **{_TOKEN: item.body["encrypted_content"]}).update(body=body)


def _stored(item: Item) -> bytes:
    token: str = item.body["encrypted_content"]
    return base64.urlsafe_b64decode(token[len(compaction.OLD) :])
