"""What an admin says of a webhook."""

from typing import Any

from django import forms

from tenants.access import Principal
from tenants.models import WebhookEndpoint
from tenants.webhooks import endpoints, events, sealing


class WebhookForm(forms.Form):
    """For a new endpoint, or for `endpoint`."""

    url = forms.CharField(
        label="Address",
        max_length=endpoints.LONGEST_URL,
        widget=forms.TextInput(
            {
                "class": "mono",
                "inputmode": "url",
                "spellcheck": "false",
                "autocomplete": "off",
                "placeholder": "https://example.com/webhooks",
            }
        ),
        help_text="It gets a POST for each event. It is stored sealed, since it may hold a token.",
    )
    name = forms.CharField(
        label="Name",
        max_length=endpoints.NAME_LENGTH,
        required=False,
        help_text="What is behind it, for this list and the audit trail.",
    )
    event_types = forms.MultipleChoiceField(
        label="Events",
        choices=[(event.name, event) for event in events.EVENTS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one event."},
    )

    def __init__(self, data: Any, *, endpoint: WebhookEndpoint | None = None) -> None:
        self.endpoint = endpoint
        super().__init__(data, initial=_initial(endpoint) if endpoint else None)

    def save(self, acting: Principal) -> tuple[WebhookEndpoint, str]:
        """The endpoint, and its secret if it is new. Raises tenants.rules.Refused with a sentence."""
        name, url, wanted = (self.cleaned_data[field] for field in ("name", "url", "event_types"))
        if self.endpoint is None:
            return endpoints.create(name, url, wanted, acting=acting)
        return endpoints.change(self.endpoint, name=name, url=url, event_types=wanted, acting=acting), ""


def _initial(endpoint: WebhookEndpoint) -> dict[str, Any]:
    try:
        url = sealing.unseal(endpoint, "sealed_url")
    except sealing.Unreadable:  # to be typed again
        url = ""
    return {"name": endpoint.name, "url": url, "event_types": endpoint.event_types}
