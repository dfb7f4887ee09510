"""A key that opens nothing, held against all workspaces' honeytokens: whoever tries a bait at our own door is seen.

The answer is that of any bad key and waits for nothing: another thread looks and writes the alert, so that no clock
tells a bait from a typo. Even the row that is read for a hit and not for a miss would.
"""

import base64
import binascii
from collections.abc import Iterator

from deny_web import db
from vault.models import Honeytoken, Sighting
from vault.tripwires import keys, marks, sightings
from vault.tripwires.sightings import Where, Who

_LONGEST = 2 * marks.LONGEST  # characters of a header
WHO = Who("someone with a key that opens nothing")


def unknown_key(header: str, source: str) -> None:
    """Have an Authorization header looked at that opened nothing. `source` is all that tells who tried it."""
    db.later(_look, header[:_LONGEST], source)


def _look(header: str, source: str) -> None:
    """One query where it is no bait."""
    forms = {form for form in map(marks.common, _said(header)) if len(form) >= marks.SHORTEST}
    found = _find(forms) if forms else []
    sightings.report(found, WHO, Where(Sighting.Place.API_KEY, source))


def _said(header: str) -> Iterator[str]:
    """What may be the value: all behind the scheme; in Basic, the name and the password."""
    rest = header.partition(" ")[2].strip()
    yield rest
    if header[:6].lower() == "basic ":
        try:
            name, _, password = base64.b64decode(rest, validate=True).decode("latin-1").partition(":")
        except (binascii.Error, ValueError):
            return
        yield from (name, password)


def _find(forms: set[str]) -> list[Honeytoken]:
    wanted: dict[tuple[int, int], list[str]] = {}
    for key_id in keys.known_ids():
        for form in forms:
            wanted.setdefault((key_id, marks.bucket(key_id, form)), []).append(form)
    key_ids, buckets = zip(*wanted, strict=True)
    rows = Honeytoken.objects.filter(armed=True, key_id__in=set(key_ids), bucket__in=set(buckets))
    return [row for row in rows if any(_is(row, form) for form in wanted.get((row.key_id, row.bucket), ()))]


def _is(row: Honeytoken, form: str) -> bool:
    told = marks.digest(keys.of_tenant(row.key_id, row.tenant_id), form)
    return any(marks.same(told, digest) for _, _, digest in row.marks)
