"""From the vault's refusal to a form's error with its status, or to JSON in the API's error shape."""

from django import forms
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from vault.errors import Busy, InvalidLabel, InvalidPassword, InvalidValue, VaultError, WrongPassword

_FIELDS: dict[type[VaultError], tuple[str, ...]] = {
    InvalidLabel: ("label",),
    InvalidValue: ("value",),
    InvalidPassword: ("new", "password"),
    WrongPassword: ("password", "keep_1"),
}


def tell(form: forms.Form, error: VaultError) -> None:
    """Put the refusal's sentence beside the field that it is about, or above the form."""
    fields = [name for name in _FIELDS.get(type(error), ()) if name in form.fields]
    form.add_error(fields[0] if fields else None, str(error))


def page(request: HttpRequest, template: str, context: dict[str, object], error: VaultError | None) -> HttpResponse:
    """The page; after a refusal with the refusal's status."""
    response = render(request, template, context, status=error.status if error else 200)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def json(error: VaultError) -> JsonResponse:
    response = json_error(error.status, str(error), error.code)
    if isinstance(error, Busy):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def json_error(status: int, message: str, code: str, param: str | None = None) -> JsonResponse:
    body = {"message": message, "type": "vault_error", "param": param, "code": code}
    return JsonResponse({"error": body}, status=status)
