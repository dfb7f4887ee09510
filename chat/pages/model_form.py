"""The form of an upstream, shared by the console's pages and the step of `/start/`."""

import secrets
from dataclasses import replace
from typing import Any

from django import forms
from django.conf import settings

from chat.models import Provider
from chat.pages.presets import Preset
from chat.providers import actions, upstream
from chat.providers.actions import WITH_ADDRESS, Handling
from chat.providers.upstream import Timeouts, Upstream
from tenants.access import Principal
from tenants.models import Tenant
from vault.pages.forms import SecretText

Kind = Provider.Kind
HELP = {
    Kind.DEMO: "A rule-based stand-in on this machine. It needs no network and no key, and calls your tools.",
    Kind.DEFAULT: "The model that the operator of this server set up.",
    Kind.RESPONSES: "OpenAI, a gateway, or your own server: an address, a model, and a key if it wants one.",
    Kind.BEDROCK: "Models on AWS, with a Bedrock API key. The address names the region.",
    Kind.IDENTITY: "Set up by the operator: this server's own identity stands in for a key.",
}
_WAITS = ("connect", "first_byte", "gap", "whole")


def stored(tenant: Tenant, name: str = "default") -> Provider | None:
    return Provider.objects.for_tenant(tenant).filter(name=name).first()


def kinds(provider: Provider | None = None) -> list[tuple[str, str]]:
    """What this server can offer: its own default and the demo only where the operator set them up."""
    offered = [Kind.RESPONSES, Kind.BEDROCK]
    if settings.DEMO_URL:
        offered.insert(0, Kind.DEMO)
    if settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL:
        offered.insert(0, Kind.DEFAULT)
    if provider is not None and provider.kind == Kind.IDENTITY:
        offered.append(Kind.IDENTITY)
    return [(kind.value, str(kind.label)) for kind in offered]


def _seconds(label: str, help_text: str = "", *, required: bool = False) -> forms.FloatField:
    widget = forms.NumberInput({"min": "0.1", "step": "any", "inputmode": "decimal"})
    return forms.FloatField(label=label, required=required, help_text=help_text, widget=widget)


def _plain(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:g}"


class ModelForm(forms.Form):
    """The key and the header values are write-only: they are stored sealed and never sent back to a page."""

    name = forms.CharField(
        label="Name",
        max_length=40,
        help_text="Yours, for routes and this list: a-z, 0-9, dots and hyphens.",
        widget=forms.TextInput({"class": "mono", "autocomplete": "off", "spellcheck": "false"}),
    )
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
        help_text="For requests that name none. As the provider writes it; gateways often want provider/model.",
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
    names = forms.CharField(
        label="Model names",
        required=False,
        max_length=100_000,
        help_text="One a line, as the name that clients use = the name here.",
        widget=forms.Textarea(
            {"rows": 3, "class": "mono", "placeholder": "gpt-5.5 = openai/gpt-5.5", "spellcheck": "false"}
        ),
    )
    only_mapped = forms.BooleanField(label="Take no other model than these", required=False)
    connect = _seconds("To connect")
    first_byte = _seconds("To the first event")
    gap = _seconds("Between two events")
    whole = _seconds("For the whole answer", "Empty: as long as a turn may take.")

    def __init__(
        self, data: Any, *, tenant: Tenant, name: str | None = "default", preset: Preset | None = None
    ) -> None:
        """The upstream `name`; a new one, whose name is asked for, where that is None."""
        self.tenant = tenant
        self.provider = stored(tenant, name) if name is not None else None
        super().__init__(data, initial=self._initial(preset, further=name is None))
        self.fields["kind"].choices = kinds(self.provider)  # type: ignore[attr-defined]
        if name is not None:
            del self.fields["name"]
        self._given_name = name
        if not self._has("sealed_key"):
            del self.fields["forget_key"]
        else:
            self.fields["key"].help_text = "A key is stored. Leave this empty to keep it; it stays with its address."
        if not self._has("sealed_headers"):
            del self.fields["forget_headers"]
        if preset is not None and preset.headers:
            self.fields["headers"].initial = preset.headers

    def _initial(self, preset: Preset | None, *, further: bool) -> dict[str, Any]:
        row = self.provider or Provider()
        waits = {wait: _plain(getattr(row, f"{wait}_seconds")) for wait in _WAITS}
        if preset is not None:
            told = {"kind": preset.kind, "base_url": preset.base_url, "model": preset.model, "name": preset.slug}
            return {**waits, **told}
        if self.provider is None:
            # A further upstream is hardly ever the demo again: its address is what the page asks for.
            return {**waits, "kind": Kind.RESPONSES.value if further else kinds()[0][0]}
        names = "\n".join(f"{outward} = {inward}" for outward, inward in row.names.items())
        told = {"kind": row.kind, "base_url": row.base_url, "model": row.model}
        return {**waits, **told, "names": names, "only_mapped": row.only_mapped}

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

    def clean_names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for line in self.cleaned_data["names"].splitlines():
            outward, equals, inward = (part.strip() for part in line.partition("="))
            if not line.strip():
                continue
            if not (outward and equals and inward):
                raise forms.ValidationError("Write each model as name = name here, one a line.")
            if outward in names:
                raise forms.ValidationError(f"There are two lines for {outward}.")
            names[outward] = inward
        return names

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if stored(self.tenant, name) is not None:
            raise forms.ValidationError("There is an upstream of this name already.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("kind") in WITH_ADDRESS:
            if not cleaned.get("base_url") and "base_url" not in self.errors:
                self.add_error("base_url", "Give the provider's address.")
            if not (cleaned.get("model") or cleaned.get("names")) and "model" not in self.errors:
                self.add_error("model", "Name the model.")
        if cleaned.get("kind") == Kind.IDENTITY and not self._same_address:
            self.add_error("base_url", "The address of an upstream without a key is the operator's to change.")
        return cleaned

    @property
    def _same_address(self) -> bool:
        """Whether what is stored may be used again: with the address that it was given for, and no other."""
        asked = self.cleaned_data.get("base_url", "").strip().rstrip("/")
        row = self.provider
        return row is not None and row.kind == self.cleaned_data["kind"] and row.base_url == asked

    def _kept(self) -> Upstream | None:
        row = self.provider
        return upstream.of_row(row) if row is not None and self._same_address else None

    def _headers(self) -> dict[str, str]:
        kept = self._kept()
        if self.cleaned_data["headers"] or kept is None or self.cleaned_data.get("forget_headers"):
            return self.cleaned_data["headers"]
        return dict(kept.headers)

    @property
    def _keeps_key(self) -> bool:
        # In a key's place stand the operator's settings, which name a file of this server: nobody else may write them.
        if self.cleaned_data["kind"] == Kind.IDENTITY:
            return True
        return not self.cleaned_data["key"] and not self.cleaned_data.get("forget_key")

    def _handling(self) -> Handling | None:
        """None where the form that was sent has no such fields: what is stored stays."""
        if "names" not in self.data:
            return None
        data, plain = self.cleaned_data, Timeouts()
        waits = (data[wait] or getattr(plain, wait) for wait in _WAITS)
        return Handling(data["names"], data["only_mapped"], Timeouts(*waits))

    def save(self, acting: Principal) -> Provider:
        """Raises tenants.rules.Refused with a sentence."""
        data = self.cleaned_data
        own = data["kind"] in WITH_ADDRESS
        return actions.set_provider(
            acting=acting,
            kind=data["kind"],
            name=self._given_name or data["name"],
            base_url=data["base_url"] if own else "",
            model=data["model"] if own else "",
            headers=self._headers() if own else None,
            key=data["key"] if own else None,
            keep_key=self._keeps_key,
            handling=self._handling(),
        )

    def upstream(self) -> Upstream:
        """What the form describes, without storing it. Raises upstream.NoUpstream."""
        data, handling = self.cleaned_data, self._handling() or Handling()
        if data["kind"] not in WITH_ADDRESS:
            return upstream.of_kind(data["kind"])
        kept = self._kept()
        key = kept.key if kept and self._keeps_key else data["key"] or "none"
        base = kept or Upstream(name="test", base_url=data["base_url"].rstrip("/"), model="", key="none")
        return replace(
            base,
            model=data["model"],
            key=key,
            headers=tuple(sorted(self._headers().items())),
            kind=data["kind"],
            names=handling.names,
            timeouts=handling.timeouts,
            identity=("test", secrets.token_hex(8)),  # never a client that was made for other settings
        )
