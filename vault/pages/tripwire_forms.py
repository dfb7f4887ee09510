"""The forms of the tripwires' pages."""

from collections.abc import Sequence
from typing import Any

from django import forms

from vault.models import Honeytoken
from vault.pages.forms import SecretText
from vault.tripwires import planted, tokens

OWN = "own"
_SECRET = {"class": "mono", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "rows": 2}
_SWITCH = {"class": "switch"}


class OptionsForm(forms.Form):
    stops = forms.BooleanField(
        label="Refuse tool calls that carry it",
        required=False,
        initial=True,
        widget=forms.CheckboxInput(_SWITCH),
        help_text="The call ends with “denied” and nothing is sent. Messages and answers are never held up.",
    )
    in_output = forms.BooleanField(
        label="Also when the model says it",
        required=False,
        initial=True,
        widget=forms.CheckboxInput(_SWITCH),
        help_text="Looked at as each step of an answer ends. Off, where it is planted in what the model reads out.",
    )


class MakeForm(OptionsForm):
    name = forms.CharField(
        max_length=tokens.LONGEST_NAME,
        widget=forms.TextInput({"autocomplete": "off"}),
        help_text="Where you mean to put it, such as “wiki page on deploys”. Alerts go by this name.",
    )
    kind = forms.ChoiceField(choices=[*tokens.KINDS.items(), (OWN, "A value of my own")])
    value = SecretText(
        required=False,
        strip=True,
        label="Your own value",
        widget=forms.Textarea(_SECRET),
        help_text="Only for a value of your own, which nobody uses. Never one that a vault holds, cover or not: arming "
        "it would tell which is which.",
    )
    field_order = ("name", "kind", "value", "stops", "in_output")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("kind") == OWN and not data.get("value"):
            self.add_error("value", "Enter the value that is to be watched for.")
        elif data.get("value") and data.get("kind") != OWN:
            self.add_error("kind", "Choose “A value of my own”, or leave the value empty.")
        return data


class PlantForm(forms.Form):
    in_prompt = forms.BooleanField(label="In the instructions of every turn", required=False)
    in_results = forms.MultipleChoiceField(
        label="With the results of these tools", required=False, widget=forms.CheckboxSelectMultiple
    )
    note = forms.CharField(
        label="How it is put",
        required=False,
        max_length=planted.LONGEST_NOTE,
        help_text="The value goes where {value} stands. Say that it is not to be used; an honest model heeds that.",
    )
    value = SecretText(
        required=False,
        strip=True,
        widget=forms.Textarea(_SECRET),
        help_text="This server has only its hash, so give the value once more. What is planted is kept, sealed.",
    )

    def __init__(self, data: Any = None, *, token: Honeytoken, tools: Sequence[str], value: str = "") -> None:
        now = {"in_prompt": token.in_prompt, "in_results": token.in_results, "note": token.note or planted.NOTE}
        super().__init__(data, initial={**now, "value": value}, auto_id="plant_%s")
        # A tool that is gone can still be taken off.
        self.fields["in_results"].choices = [(name, name) for name in sorted({*tools, *token.in_results})]  # type: ignore[attr-defined]
        if not self.fields["in_results"].choices:  # type: ignore[attr-defined]
            del self.fields["in_results"]
        if token.sealed_value is not None:
            del self.fields["value"]


class HookForm(forms.Form):
    tool = forms.ChoiceField(required=False, help_text="One that is idempotent, or one that asks: choosing it decides.")
    args = forms.CharField(
        label="Arguments",
        required=False,
        initial="{}",
        max_length=2000,
        widget=forms.Textarea({"class": "mono", "rows": 2, "spellcheck": "false", "autocomplete": "off"}),
        help_text="JSON, the same at each alert.",
    )

    def __init__(self, data: Any = None, *, token: Honeytoken, tools: Sequence[str]) -> None:
        super().__init__(data, initial={"tool": token.hook_tool, "args": token.hook_args or "{}"}, auto_id="hook_%s")
        names = sorted({*tools, *filter(None, [token.hook_tool])})
        self.fields["tool"].choices = [("", "None"), *((name, name) for name in names)]  # type: ignore[attr-defined]
