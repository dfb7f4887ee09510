"""The tool pages' forms. Whether a definition is usable, `chat.tools.definition` decides."""

import json
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from chat.tools.starters import Starter
from vault.pages.forms import PasswordField, ValueField

_MAX_FILE = 1024 * 1024
_CODE = {"class": "mono", "spellcheck": "false", "autocapitalize": "none", "autocomplete": "off"}


class JsonField(forms.CharField):
    """JSON as text; the value is the text, `decoded` gives the data."""

    def __init__(self, *, rows: int, **options: Any) -> None:
        super().__init__(widget=forms.Textarea({**_CODE, "rows": rows}), **options)

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        if text:
            decoded(text)
        return text


def decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        where = f", line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise forms.ValidationError(f"This is not JSON{where}.") from None


class LoadForm(forms.Form):
    """Tools as text or as a file; the text may be one tool, or a list as in a file."""

    definition = JsonField(
        label="Definition",
        rows=22,
        required=False,
        help_text="One tool, or a list of tools as in a tool file. A name that exists already gets a new version.",
    )
    file = forms.FileField(label="Or a tool file", required=False, help_text="JSON, at most 1 MB.")

    def clean_file(self) -> str:
        file = self.cleaned_data.get("file")
        if not isinstance(file, UploadedFile):
            return ""
        if (file.size or 0) > _MAX_FILE:
            raise forms.ValidationError("This file is larger than 1 MB.")
        try:
            text = file.read().decode()
        except UnicodeDecodeError:
            raise forms.ValidationError("This file is not text.") from None
        decoded(text)
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        text = data.get("file") or data.get("definition")
        if not text and not self.errors:
            self.add_error("definition", "Paste a definition, or choose a file.")
        if text:
            tools = decoded(text)
            data["tools"] = tools if isinstance(tools, list) else [tools]
        return data


class TryForm(forms.Form):
    args = JsonField(label="Arguments", rows=6, required=False)


class StartForm(forms.Form):
    """A first tool from a template, with its credential; one that the vault holds already need not be given again."""

    definition = JsonField(label="Definition", rows=18)

    def __init__(self, data: Any = None, *, starter: Starter, has_entry: bool, value: str = "") -> None:
        super().__init__(data, initial={"definition": starter.text_of_definition})
        self.starter = starter
        self.fields["value"] = ValueField("Credential", required=not has_entry, help_text=starter.credential_hint)
        self.fields["value"].initial = value
        self.fields["password"] = PasswordField(
            required=not has_entry,
            help_text="The value is stored under this password, and the vault is unlocked with it for 8 hours.",
        )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("value") and not data.get("password") and "password" not in self.errors:
            self.add_error("password", "Enter the vault password that the value belongs to.")
        return data
