"""Accounts: the e-mail address is the name; passwords are strong; sessions are renewed and ended."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from tenants import strength
from tenants.models import User
from tests.cast import make_cast, make_person

pytestmark = pytest.mark.django_db
PASSWORD = "kettle-orbit-mango-thistle"
OTHER = "violet-anchor-pepper-canyon"


def sign_up(client: Client, email: str = "Frank@Example.com", password: str = PASSWORD):
    return client.post(reverse("account_signup"), {"email": email, "password1": password})


def test_sign_up_leads_to_the_start(client: Client) -> None:
    assert sign_up(client)["Location"] == "/start/"
    assert User.objects.get().email == "frank@example.com"
    assert client.get("/start/").status_code == 200


@pytest.mark.parametrize("password", ["", "password", "frank@example.com", "Frank1234", "x" * 1025])
def test_weak_password_is_refused(password: str, client: Client) -> None:
    page = sign_up(client, password=password)
    assert page.status_code == 200
    assert page.context["form"].errors["password1"]
    assert not User.objects.exists()


def test_invited_person_comes_back_to_the_link_after_sign_up(client: Client) -> None:
    answer = client.post(
        reverse("account_signup"), {"email": "f@example.com", "password1": PASSWORD, "next": "/invite/abc/"}
    )
    assert answer["Location"] == "/invite/abc/"


def test_next_leads_nowhere_outside(client: Client) -> None:
    make_person("frank", PASSWORD)
    data = {"login": "frank@example.com", "password": PASSWORD, "next": "https://evil.example/"}
    assert client.post(reverse("account_login"), data)["Location"] == "/start/"


def test_member_lands_in_the_chat(client: Client) -> None:
    make_cast(PASSWORD)
    answer = client.post(reverse("account_login"), {"login": "BOB@example.com", "password": PASSWORD})
    assert answer["Location"].startswith("/t/acme/chat/")


def test_session_is_renewed_at_sign_in(client: Client) -> None:
    make_person("frank", PASSWORD)
    session = client.session
    session["planted"] = "by an attacker"
    session.save()
    before = session.session_key
    client.post(reverse("account_login"), {"login": "frank@example.com", "password": PASSWORD})
    assert client.session.session_key != before


def test_wrong_passwords_are_counted_and_stopped(client: Client) -> None:
    make_person("frank", PASSWORD)
    login = reverse("account_login")
    for _ in range(5):
        client.post(login, {"login": "frank@example.com", "password": OTHER})
    stopped = client.post(login, {"login": "frank@example.com", "password": PASSWORD})
    assert stopped.status_code in {200, 429}
    assert "_auth_user_id" not in client.session


def test_changed_password_ends_other_sessions(client: Client) -> None:
    make_person("frank", PASSWORD)
    here, there = Client(), Client()
    for browser in (here, there):
        browser.post(reverse("account_login"), {"login": "frank@example.com", "password": PASSWORD})
        assert browser.get("/start/").status_code == 200
    here.post(reverse("account_change_password"), {"oldpassword": PASSWORD, "password1": OTHER, "password2": OTHER})
    assert here.get("/start/").status_code == 200
    assert there.get("/start/").status_code == 302


def test_forgotten_password_is_reset_by_mail_once(client: Client) -> None:
    make_person("frank", PASSWORD)
    client.post(reverse("account_reset_password"), {"email": "frank@example.com"})
    link = re.search(r"http://testserver(/accounts/\S+)", str(mail.outbox[0].body))
    assert link
    form = client.get(link[1])["Location"]
    client.post(form, {"password1": OTHER, "password2": OTHER})
    assert User.objects.get().check_password(OTHER)
    assert client.get(link[1]).status_code == 200  # the page that says that the link was used


def test_sign_out_needs_a_post(client: Client) -> None:
    client.force_login(make_person("frank"))
    client.get(reverse("account_logout"))
    assert client.get("/start/").status_code == 200
    client.post(reverse("account_logout"))
    assert client.get("/start/").status_code == 302


def test_strength_gate_knows_the_persons_own_words() -> None:
    strength.check("zorblaxquintavo")
    with pytest.raises(strength.WeakPassword):
        strength.check("zorblaxquintavo", ["zorblaxquintavo@example.com"])


def test_refusal_never_repeats_the_password() -> None:
    with pytest.raises(strength.WeakPassword) as refused:
        strength.check("hunter2")
    assert "hunter2" not in str(refused.value)


def test_very_long_password_is_judged_quickly() -> None:
    strength.check(PASSWORD * 39)
    with pytest.raises(strength.WeakPassword):
        strength.check("a" * 1024)
