"""allauth's forms with the strength meter; the gate itself is `tenants.strength`, on the server."""

from allauth.account import forms


class SignupForm(forms.SignupForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].widget.attrs["data-strength"] = "id_email"


class ChangePasswordForm(forms.ChangePasswordForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].widget.attrs["data-strength"] = ""


class ResetPasswordKeyForm(forms.ResetPasswordKeyForm):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].widget.attrs["data-strength"] = ""
