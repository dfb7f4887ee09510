"""Where allauth's account pages lead, and what they tell the rest of the application."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.signals import password_changed, password_reset
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from tenants import onboarding
from tenants.models import User
from tenants.rules import announce


class AccountAdapter(DefaultAccountAdapter):
    """After signing in: the newest chat, or the start for whoever has no workspace yet."""

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        return onboarding.landing_url(request.user)

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return onboarding.landing_url(request.user)


@receiver(password_changed)
@receiver(password_reset)
@receiver(user_logged_out)
def close_sockets(sender: object, user: User | None = None, **_: object) -> None:
    """Sessions that ended keep no socket open; the pages themselves Django has refused already."""
    if user is not None and user.pk is not None:
        announce(None, user.pk)
