"""A honeytoken of Alice's, the dresses that it is seen through, and a way to look at what was raised."""

import base64
import codecs
import html
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from deny_web import db
from tenants.models import Tenant
from tests.cast import Cast
from vault.models import Honeytoken, Sighting
from vault.tripwires import tokens

VALUE = "sk_live_51Hq8ZxAbCdEfGhIjKlMnOpQr9StUv"
OTHER = "sk_live_77Kx2PmNbVcXzLqWsErTyUiOp4AsDf"  # never armed
DRESSES: dict[str, Callable[[str], str]] = {
    "raw": str,
    "inside a word": lambda v: f"xx{v}yy",
    "upper": str.upper,
    "lower": str.lower,
    "reversed": lambda v: v[::-1],
    "rot13": lambda v: codecs.encode(v, "rot13"),
    "base64": lambda v: base64.b64encode(v.encode()).decode(),
    "base64 in the middle": lambda v: "key=" + base64.b64encode(b"a:" + v.encode() + b":b").decode(),
    "base64url without padding": lambda v: base64.urlsafe_b64encode(v.encode()).decode().rstrip("="),
    "base64 over lines": lambda v: base64.encodebytes(f"{'x' * 50}{v}{'y' * 50}".encode()).decode(),
    "base64 of base64": lambda v: base64.b64encode(base64.b64encode(v.encode())).decode(),
    "base64 of utf-16": lambda v: base64.b64encode(v.encode("utf-16-le")).decode(),
    "hex": lambda v: v.encode().hex(),
    "hex with blanks": lambda v: v.encode().hex(" ").upper(),
    "hex with 0x": lambda v: " ".join(hex(byte) for byte in v.encode()),
    "url": lambda v: "".join(f"%{byte:02X}" for byte in v.encode()),
    "url twice": lambda v: quote("".join(f"%{byte:02X}" for byte in v.encode())),
    "json": lambda v: json.dumps(json.dumps({"key": v})),
    "unicode escapes": lambda v: "".join(f"\\u{ord(char):04x}" for char in v),
    "html": lambda v: "".join(f"&#{ord(char)};" for char in v) + html.escape("<"),
    "blanks between": " ".join,
    "zero-width between": "\u200b".join,
    "pieces of 8": lambda v: "-".join(v[at : at + 8] for at in range(0, len(v), 8)),
    "full width": lambda v: "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in v),
}
PROMISED = ["raw", "base64", "hex", "url", "json", "upper", "reversed", "pieces of 8"]


@dataclass(frozen=True, slots=True)
class Trap:
    """An armed value in `cast.acme`."""

    cast: Cast
    token: Honeytoken

    @property
    def tenant(self) -> Tenant:
        """Fresh: what a request sees of it."""
        return Tenant.objects.get(pk=self.cast.acme.pk)

    def raised(self) -> list[Sighting]:
        return list(Sighting.objects.for_tenant(self.cast.acme).order_by("first_at"))

    def places(self) -> list[str]:
        return [row.place for row in self.raised()]


def arm(cast: Cast, name: str = "bait", value: str = VALUE, **options: Any) -> Trap:
    token = tokens.arm_own(name, value, acting=cast.owner, **options)
    cast.acme.refresh_from_db()
    return Trap(cast, token)


def message(text: str, role: str = "user") -> dict[str, Any]:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def settled() -> None:
    """What `db.later` was given is done."""
    for future in [db._pool.submit(time.sleep, 0.01) for _ in range(16)]:
        future.result()


def wait_for(trap: Trap, count: int) -> list[Sighting]:
    """The workspace's alerts, once there are `count` in all."""
    until = time.monotonic() + 10
    while Sighting.objects.count() < count and time.monotonic() < until:
        settled()
    return trap.raised()
