"""The form of "where the model comes from", shared by the console page and the step of `/start/`."""

import secrets
from typing import Any

from django import forms
from django.conf import settings

from chat.models import Provider
from chat.providers import actions, upstream
from chat.providers.upstream import Upstream
from tenants.access import Principal
from tenants.models import Tenant
from vault.pages.forms import SecretText

Kind = Provider.Kind


def stored(tenant: Tenant) -> Provider | None:
    return Provider.objects.for_tenant(tenant).filter(name="default").first()


def kinds() -> list[tuple[str, str]]:
    """What this server can offer: its own default and the demo only where the operator set them up."""
    offered = [Kind.RESPONSES]
    if settings.DEMO_URL:
        offered.insert(0, Kind.DEMO)
    if settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL:
        offered.insert(0, Kind.DEFAULT)
    return [(kind.value, str(kind.label)) for kind in offered]


class ModelForm(forms.Form):
    """The key and the header values are write-only: they are stored sealed and never sent back to a page."""

    kind = forms.ChoiceField(widget=forms.RadioSelect, label="Source")
    base_url = forms.URLField(
        label="Address",
        required=False,
        max_length=500,
        assume_scheme="https",
        help_text="Up to and including /v1. The server must speak the Responses API.",
        widget=forms.URLInput({"placeholder": "https://api.openai.com/v1", "class": "mono", "autocomplete": "off"}),
    )
    model = forms.CharField(
        label="Model",
        required=False,
        max_length=200,
        help_text="As the provider writes it; gateways often want provider/model.",
        widget=forms.TextInput({"placeholder": "gpt-5.5", "class": "mono", "autocomplete": "off", "list": "models"}),
    )
    key = forms.CharField(
        label="API key",
        required=False,
        max_length=4000,
        widget=forms.PasswordInput({"autocomplete": "off", "class": "mono"}),
    )
    forget_key = forms.BooleanField(label="This provider needs no key; forget the stored one", required=False)
    headers = SecretText(
        label="Extra headers",
        required=False,
        max_length=8000,
        help_text="One a line, as Name: value. Their values are stored sealed and not shown again.",
        widget=forms.Textarea(
            {"rows": 2, "class": "mono", "placeholder": "x-tfy-provider-name: openai", "spellcheck": "false"}
        ),
    )
    forget_headers = forms.BooleanField(label="Forget the stored headers", required=False)

    def __init__(self, data: Any, *, tenant: Tenant) -> None:
        self.tenant = tenant
        self.provider = stored(tenant)
        super().__init__(data, initial=self._initial())
        self.fields["kind"].choices = kinds()  # type: ignore[attr-defined]
        if not self._has("sealed_key"):
            del self.fields["forget_key"]
        else:
            self.fields["key"].help_text = "A key is stored. Leave this empty to keep it; it stays with its address."
        if not self._has("sealed_headers"):
            del self.fields["forget_headers"]

    def _initial(self) -> dict[str, str]:
        if self.provider is None:
            return {"kind": kinds()[0][0]}
        return {"kind": self.provider.kind, "base_url": self.provider.base_url, "model": self.provider.model}

    def _has(self, column: str) -> bool:
        return self.provider is not None and getattr(self.provider, column) is not None

    def clean_headers(self) -> dict[str, str]:
        headers = {}
        for line in self.cleaned_data["headers"].splitlines():
            name, colon, value = line.partition(":")
            if not line.strip():
                continue
            if not colon or not value.strip():
                raise forms.ValidationError("Write each header as Name: value, one a line.")
            headers[name.strip()] = value.strip()
        return headers

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") == Kind.RESPONSES:
            for name, sentence in (("base_url", "Give the provider's address."), ("model", "Name the model.")):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, sentence)
        return cleaned

    @property
    def _same_address(self) -> bool:
        asked = self.cleaned_data.get("base_url", "").strip().rstrip("/")
        return self.provider is not None and self.provider.kind == Kind.RESPONSES and self.provider.base_url == asked

    def _kept(self) -> Upstream | None:
        """What is stored, as far as it may be used again: with the address that it was given for, and no other."""
        return upstream.for_tenant(self.tenant) if self._same_address else None

    def _headers(self) -> dict[str, str]:
        kept = self._kept()
        if self.cleaned_data["headers"] or kept is None or self.cleaned_data.get("forget_headers"):
            return self.cleaned_data["headers"]
        return dict(kept.headers)

    @property
    def _keeps_key(self) -> bool:
        return not self.cleaned_data["key"] and not self.cleaned_data.get("forget_key")

    def save(self, acting: Principal) -> Provider:
        """Raises tenants.rules.Refused with a sentence."""
        data = self.cleaned_data
        own = data["kind"] == Kind.RESPONSES
        return actions.set_provider(
            acting=acting,
            kind=data["kind"],
            base_url=data["base_url"] if own else "",
            model=data["model"] if own else "",
            headers=self._headers() if own else None,
            key=data["key"] if own else None,
            keep_key=self._keeps_key,
        )

    def upstream(self) -> Upstream:
        """What the form describes, without storing it. Raises upstream.NoUpstream."""
        data = self.cleaned_data
        if data["kind"] != Kind.RESPONSES:
            return upstream.of_kind(data["kind"])
        kept = self._kept()
        key = data["key"] or (kept.key if kept and self._keeps_key else "none")
        return Upstream(
            name="test",
            base_url=data["base_url"].rstrip("/"),
            model=data["model"],
            key=key,
            headers=tuple(sorted(self._headers().items())),
            trusted=kept.trusted if kept else False,
            identity=("test", secrets.token_hex(8)),  # never a client that was made for other settings
        )
