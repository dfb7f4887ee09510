"""deny.sh's hosted primitive: `POST /api/encrypt`, `/api/decrypt`, `/api/deny`, by the SDK's own functions.

    encrypt  {message, password1, password2}                          -> {ciphertext, controlData}     both in hex
    decrypt  {ciphertext, controlData, password1, password2}          -> {message}
    deny     {ciphertext, password1, password2, fakeMessage}          -> {controlData}

`ciphertextHex` and `controlDataHex` are the older names of the same. A wrong password or other control data gives
another message, not an error: that is the construction. The server sees plaintext and passwords for the one request
and keeps neither; who cannot accept that runs the SDK itself, which makes the same bytes.
"""

from collections.abc import Callable
from typing import TypeVar

import deny_sh
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tenants.access import Act, Principal
from vault import derivation
from vault.denysh.door import Kind, Refusal, answer, binary, body, door, look, text

LONGEST = 64 * 1024  # bytes of a message
_CIPHERTEXT = LONGEST + deny_sh.HEADER_LENGTH + deny_sh.LENGTH_PREFIX

T = TypeVar("T")


@door(Act.CHAT, Kind.CRYPTO)
async def encrypt(request: Request, principal: Principal) -> Response:
    fields = await body(request)
    message, passwords = _message(text(fields, "message", longest=LONGEST)), _passwords(fields)
    ciphertext, control = await _run(deny_sh.encrypt, message, *passwords)
    return answer({"ciphertext": ciphertext.hex(), "controlData": control.hex()})


@door(Act.CHAT, Kind.CRYPTO)
async def decrypt(request: Request, principal: Principal) -> Response:
    fields = await body(request)
    control = binary(fields, "controlData", "controlDataHex", longest=_CIPHERTEXT)
    ciphertext = binary(fields, "ciphertext", "ciphertextHex", longest=_CIPHERTEXT)
    message = (await _run(deny_sh.decrypt, ciphertext, *_passwords(fields), control)).decode(errors="replace")
    await look(request, [message])
    return answer({"message": message})


@door(Act.CHAT, Kind.CRYPTO)
async def deny(request: Request, principal: Principal) -> Response:
    fields = await body(request)
    ciphertext = binary(fields, "ciphertext", "ciphertextHex", longest=_CIPHERTEXT)
    fake = _message(text(fields, "fakeMessage", longest=LONGEST))
    control = await _run(deny_sh.generate_deniable_control, ciphertext, *_passwords(fields), fake)
    return answer({"controlData": control.hex()})


async def _run(act: Callable[..., T], *args: object) -> T:
    """One derivation, in its turn, off the event loop and off the database's threads."""

    def in_turn() -> T:
        with derivation.turn():
            return act(*args)

    try:
        return await run_in_threadpool(in_turn)
    except ValueError:
        # From None: nothing that was sent may stand in a traceback.
        raise Refusal(400, "The ciphertext, the control data and the message do not fit each other.") from None


def _message(message: str) -> bytes:
    encoded = message.encode()
    if len(encoded) > LONGEST:
        raise Refusal(413, f"A message has at most {LONGEST} bytes.")
    return encoded


def _passwords(fields: dict[str, object]) -> tuple[str, str]:
    first, second = (text(fields, name, longest=derivation.LONGEST) for name in ("password1", "password2"))
    return first, second
