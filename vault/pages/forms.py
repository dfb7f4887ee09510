"""The vault pages' forms. They check shapes; what a value or password is worth, the acts decide."""

from typing import Any

from django import forms

from tenants import strength
from vault import derivation, kinds, labels, leases, row

HOUR = 3600
TTLS = [
    (15 * 60, "15 minutes"),
    (HOUR, "1 hour"),
    (leases.DEFAULT_TTL, "8 hours"),
    (24 * HOUR, "24 hours"),
    (leases.LONGEST_TTL, "7 days"),
]
BANDS = [(band, f"up to {row.longest(band):,} bytes") for band in row.BANDS]


class PasswordField(forms.CharField):
    """A vault password: never stripped, never sent back, never mixed up with the account's by a browser."""

    def __init__(
        self, label: str = "Vault password", *, new: bool = False, required: bool = True, help_text: str = ""
    ) -> None:
        attributes = {"autocomplete": "new-password", "data-strength": ""} if new else {"autocomplete": "off"}
        widget = forms.PasswordInput(attributes)
        super().__init__(
            label=label,
            required=required,
            help_text=help_text,
            max_length=derivation.LONGEST,
            strip=False,
            widget=widget,
        )


class SecretText(forms.CharField):
    """A text that is never sent back, not even to the person who sent it: a refused form comes without it."""

    def bound_data(self, data: Any, initial: Any) -> Any:
        return initial


class ValueField(SecretText):
    """A credential. Browsers send a text's line ends as CRLF; a key file's are LF."""

    def __init__(self, label: str = "Value", *, required: bool = True, help_text: str = "") -> None:
        hints = {"rows": 3, "class": "mono", "autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        widget = forms.Textarea({**hints, "data-kinds": kinds.for_browsers()})
        super().__init__(label=label, required=required, help_text=help_text, strip=False, widget=widget)

    def clean(self, value: Any) -> bytes:
        text = super().clean(value)
        # Said when the form comes back, where no script says it while one types. The value itself never comes back.
        if kind := kinds.suggest(text):
            self.help_text = f"{kinds.sentence(kind)} {self.help_text}".strip()
        return text.replace("\r\n", "\n").removesuffix("\n").encode()


class CreateForm(forms.Form):
    password = PasswordField(
        new=True,
        help_text="Four or more unrelated words, or a password manager's suggestion. Nobody can reset it: "
        "without it the values are gone.",
    )
    again = PasswordField("The same once more")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "again" in data and data.get("password") != data["again"]:
            self.add_error("again", "The two differ.")
        return data


class StartForm(CreateForm):
    """The way in's form: a second password can be set at once."""

    second = PasswordField("Second password", new=True, required=False)
    second_again = PasswordField("The second once more", required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        second = data.get("second") or ""
        if second != (data.get("second_again") or ""):
            self.add_error("second_again", "The two differ.")
        elif second and second == data.get("password"):
            self.add_error("second", "Choose another one than the first.")
        elif second:
            try:
                strength.check(second)
            except strength.WeakPassword as weak:
                self.add_error("second", str(weak))
        return data


class UnlockForm(forms.Form):
    password = PasswordField()
    ttl = forms.IntegerField(
        label="Lock again after", min_value=1, max_value=leases.LONGEST_TTL, required=False, initial=leases.DEFAULT_TTL,
        widget=forms.Select(choices=TTLS),
    )  # fmt: skip

    def clean_ttl(self) -> int:
        return self.cleaned_data["ttl"] or leases.DEFAULT_TTL


class AddForm(forms.Form):
    label = forms.CharField(
        max_length=labels.LONGEST,
        strip=False,
        widget=forms.TextInput({"class": "mono", "autocomplete": "off"}),
        help_text="What it is for, such as stripe-prod. Labels are stored in the clear, for every member to see.",
    )
    value = ValueField(required=False, help_text="Leave it empty to make the label alone.")
    band = forms.TypedChoiceField(
        label="Room",
        choices=BANDS,
        coerce=int,
        required=False,
        empty_value=str(row.DEFAULT_BAND),
        initial=row.DEFAULT_BAND,
        help_text="Chosen once, so that the size of what is stored tells nothing about the value.",
    )
    password = PasswordField(
        required=False, help_text="The value is stored under this password and opens under no other."
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["band"] = int(data.get("band", row.DEFAULT_BAND))
        if data.get("value") and not data.get("password") and "password" not in self.errors:
            self.add_error("password", "Enter the vault password that the value belongs to.")
        return data


class PasswordForm(forms.Form):
    password = PasswordField()


class ReplaceForm(forms.Form):
    value = ValueField("New value")
    password = PasswordField()


class PurgeForm(forms.Form):
    """`word` is the label, typed once more."""

    word = forms.CharField(label="Label", strip=False, widget=forms.TextInput({"autocomplete": "off", "class": "mono"}))

    def __init__(self, *args: Any, expected: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.expected = expected
        self.fields["word"].help_text = "Type the label to confirm."

    def clean_word(self) -> str:
        word: str = self.cleaned_data["word"]
        if word != self.expected:
            raise forms.ValidationError("That is not the label.")
        return word


class PasswordsForm(forms.Form):
    """One form for both acts: what is sent has the same shape whether a password is changed or another one added."""

    KEPT = 7  # with the new one, all eight compartments
    ACTS = (("change", "Change the present password into the new one"), ("add", "Add the new password beside it"))
    act = forms.ChoiceField(label="What to do", choices=ACTS, widget=forms.RadioSelect, initial="change")
    new = PasswordField("New password", new=True, help_text="Four or more unrelated words. Nobody can reset it.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["keep_1"] = PasswordField("Present password")
        for number in range(2, self.KEPT + 1):
            self.fields[f"keep_{number}"] = PasswordField(f"Further password {number - 1}", required=False)

    @property
    def further(self) -> list[forms.BoundField]:
        return [self[f"keep_{number}"] for number in range(2, self.KEPT + 1)]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        data["kept"] = [data[field.name] for field in [self["keep_1"], *self.further] if data.get(field.name)]
        if data.get("act") == "change" and len(data["kept"]) > 1:
            self.add_error("act", "To change a password, give that one alone. One is changed at a time.")
        return data
