"""The demo invoice API: a small part of Stripe's, for the two accounts of `accounts`.

`GET /v1/invoices`, `GET /v1/invoices/{id}` and `POST /v1/invoices/{id}/remind`. It demands the right key, tells far
more than a model should see, and repeats the request's authorization in one invoice, as careless services do.
Source for the shapes: Stripe's API reference (errors, idempotent requests, list objects).
"""

import asyncio
import base64
import binascii
import copy
import hmac
from collections import OrderedDict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from chat.demo.accounts import LEAKY_INVOICE, Account, by_key

Json = dict[str, Any]

_MOST_REMEMBERED = 10_000
_SLOWEST = 60.0


class Invoices:
    """The accounts while the process runs: reminders are counted, and idempotency keys remembered."""

    def __init__(self) -> None:
        self._accounts = by_key()
        self._done: OrderedDict[tuple[str, str], tuple[str, Json]] = OrderedDict()

    def routes(self) -> list[Route]:
        """The API's addresses."""
        return [
            Route("/v1/invoices", self.list_invoices, methods=["GET"]),
            Route("/v1/invoices/{invoice_id}", self.get_invoice, methods=["GET"]),
            Route("/v1/invoices/{invoice_id}/remind", self.remind, methods=["POST"]),
        ]

    async def list_invoices(self, request: Request) -> JSONResponse:
        """The account's invoices, all or those of one `customer` or `status`."""
        account = self._account(request)
        if account is None:
            return _unauthorised()
        wanted = {name: request.query_params[name] for name in ("customer", "status") if name in request.query_params}
        shown = [each for each in account.invoices.values() if each["id"] != LEAKY_INVOICE]
        data = [each for each in shown if all(each[name] == value for name, value in wanted.items())]
        return JSONResponse({"object": "list", "url": "/v1/invoices", "has_more": False, "data": data})

    async def get_invoice(self, request: Request) -> JSONResponse:
        """One invoice; `delay` (seconds, at most 60) holds the answer back, to show a running call."""
        account = self._account(request)
        if account is None:
            return _unauthorised()
        await asyncio.sleep(_seconds(request.query_params.get("delay", "0")))
        invoice = account.invoices.get(request.path_params["invoice_id"])
        if invoice is None:
            return _missing(request.path_params["invoice_id"])
        if invoice["id"] == LEAKY_INVOICE:
            # On purpose: this is what the leak sweep is there to stop.
            invoice = {**invoice, "status": f"open (asked with {request.headers.get('authorization')})"}
        return JSONResponse(invoice)

    async def remind(self, request: Request) -> JSONResponse:
        """Sends a reminder, which counts up. The same Idempotency-Key again gets the first answer, and no reminder."""
        account = self._account(request)
        if account is None:
            return _unauthorised()
        invoice = account.invoices.get(request.path_params["invoice_id"])
        if invoice is None:
            return _missing(request.path_params["invoice_id"])
        key = request.headers.get("idempotency-key")
        asked = f"{request.url.path}\n{(await request.body()).hex()}"
        if key and (done := self._done.get((account.key, key))):
            if done[0] != asked:
                message = "Keys for idempotent requests can only be used with the same parameters."
                return _error(400, "idempotency_error", message)
            return JSONResponse(done[1], headers={"idempotent-replayed": "true"})
        invoice["metadata"]["reminders_sent"] += 1
        answer = copy.deepcopy(invoice)
        if key:
            self._done[account.key, key] = (asked, answer)
            if len(self._done) > _MOST_REMEMBERED:
                self._done.popitem(last=False)
        return JSONResponse(answer)

    def _account(self, request: Request) -> Account | None:
        """The account whose key came with the request, as a bearer or as the user name of basic authorization."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                value = base64.b64decode(value, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                return None
        elif scheme.lower() != "bearer":
            return None
        given = value.strip().encode()
        return next((each for key, each in self._accounts.items() if hmac.compare_digest(key.encode(), given)), None)


def _seconds(text: str) -> float:
    try:
        return min(max(float(text), 0.0), _SLOWEST)
    except ValueError:
        return 0.0


def _unauthorised() -> JSONResponse:
    response = _error(401, "invalid_request_error", "Invalid API Key provided.")
    response.headers["www-authenticate"] = 'Bearer realm="Stripe (demo)"'
    return response


def _missing(invoice_id: str) -> JSONResponse:
    return _error(404, "invalid_request_error", f"No such invoice: '{invoice_id}'", "resource_missing", "id")


def _error(status: int, kind: str, message: str, code: str | None = None, param: str | None = None) -> JSONResponse:
    told = {"type": kind, "message": message, "code": code, "param": param}
    return JSONResponse({"error": {name: value for name, value in told.items() if value}}, status_code=status)
