"""People's accounts: where allauth's pages lead, what they tell the rest of the application, and `ensure_person`."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.account.signals import password_changed, password_reset
from django.contrib.auth.signals import user_logged_out
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.dispatch import receiver
from django.http import HttpRequest

from tenants import access, onboarding, strength
from tenants.models import User
from tenants.rules import Refused, announce


class AccountAdapter(DefaultAccountAdapter):
    """After signing in: the newest chat, or the start for whoever has no workspace yet."""

    error_messages = DefaultAccountAdapter.error_messages | {
        # One sentence for both, so that it does not tell who has an account.
        "email_password_mismatch": "The email address or the password is wrong.",
        "enter_current_password": "That is not the password until now. Nothing was changed.",
        "incorrect_code": "That is not the code from the mail.",
        "incorrect_password": "That is not your password.",
        "too_many_login_attempts": "Too many wrong tries. Wait a few minutes, then try again.",
        "rate_limited": "Too many requests. Wait a minute, then try again.",
    }

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return onboarding.landing_url(access.person(request))

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return onboarding.landing_url(access.person(request))


@receiver(password_changed)
@receiver(password_reset)
@receiver(user_logged_out)
def close_sockets(sender: object, user: User | None = None, **_: object) -> None:
    """Sessions that ended keep no socket open; the pages themselves Django has refused already."""
    if user is not None and user.pk is not None:
        announce(None, user.pk)


def ensure_person(email: str, password: str | None) -> User:
    """The account of this address, made with `password` when there is none; the operator vouches for the address.

    Raises:
        Refused: no address, no password for a new account, a weak one, or not the one that the account has.
    """
    email = email.strip().lower()
    user = User.objects.filter(email=email).first()
    if user is not None:
        # Silently keeping another password would leave the operator with one that does not open anything.
        if password is not None and not user.check_password(password):
            raise Refused(f"{email} has an account already, with another password.")
        return user
    try:
        validate_email(email)
        strength.check(password or "", [email])
    except ValidationError:
        raise Refused("The owner's name is an e-mail address.") from None
    except strength.WeakPassword as weak:
        raise Refused(f"The owner's password: {weak}" if password else "The owner needs a password.") from None
    user = User.objects.create_user(email, password)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user
