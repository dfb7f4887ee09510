"""Account, error and landing pages: words, ids and attributes that browsers, password managers and readers rely on."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib import messages
from django.core import mail
from django.template.loader import render_to_string
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.cast import make_person


class Page(HTMLParser):
    """A page's elements, as (tag, attributes) pairs."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if attributes.get("id")]  # type: ignore[misc]


def page(response: Any) -> Page:
    assert response.status_code == 200
    return Page(response.content.decode())


ENTRANCES = ["account_login", "account_signup", "account_reset_password", "account_reset_password_done"]
INSIDE = ["account_email", "account_change_password", "account_logout"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", [*ENTRANCES, *INSIDE, "landing"])
def test_a_page_is_ours_whole_and_well_formed(client: Client, name: str) -> None:
    if name in INSIDE:
        client.force_login(make_person("alice", "correct horse 91 staple"))
    parsed = page(client.get(reverse(name)))
    assert len(parsed.all("h1")) == 1
    assert len(parsed.all("main")) == 1
    assert parsed.all("html")[0]["lang"] == "en"
    assert any(link.get("href", "").endswith("css/tokens.css") for link in parsed.all("link"))
    assert len(parsed.ids()) == len(set(parsed.ids()))


@pytest.mark.django_db
@pytest.mark.parametrize("name", [*ENTRANCES, *INSIDE])
def test_every_control_has_a_label_and_its_help(client: Client, name: str) -> None:
    if name in INSIDE:
        client.force_login(make_person("alice", "correct horse 91 staple"))
    parsed = page(client.get(reverse(name)))
    labels = {label.get("for") for label in parsed.all("label")}
    controls = [field for field in parsed.all("input") if field["type"] not in ("hidden", "radio")]
    for field in controls:
        assert field["id"] in labels
        for described in (field.get("aria-describedby") or "").split():
            assert described in parsed.ids()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "field", "completion"),
    [
        ("account_login", "login", "email"),
        ("account_login", "password", "current-password"),
        ("account_signup", "email", "email"),
        ("account_signup", "password1", "new-password"),
    ],
)
def test_password_managers_are_told_what_a_field_is(client: Client, name: str, field: str, completion: str) -> None:
    parsed = page(client.get(reverse(name)))
    assert [f["autocomplete"] for f in parsed.all("input") if f.get("name") == field] == [completion]


@pytest.mark.django_db
def test_an_error_is_tied_to_its_field(client: Client) -> None:
    parsed = page(
        client.post(reverse("account_signup"), {"email": "not an address", "password1": "correct horse 91 staple"})
    )
    field = next(f for f in parsed.all("input") if f.get("name") == "email")
    assert field["aria-invalid"] == "true"
    assert "id_email_error" in (field["aria-describedby"] or "")
    assert "id_email_error" in parsed.ids()


@pytest.mark.django_db
def test_what_is_wrong_with_a_form_as_a_whole_is_said_at_once(client: Client) -> None:
    parsed = page(client.post(reverse("account_login"), {"login": "nobody@example.com", "password": "wrong"}))
    assert any(box.get("role") == "alert" for box in parsed.all("div"))


@pytest.mark.django_db
def test_mail_speaks_plainly_and_escapes_nothing(client: Client) -> None:
    make_person("o'neil")
    client.post(reverse("account_reset_password"), {"email": "o'neil@example.com"})
    (sent,) = mail.outbox
    words = f"{sent.subject}\n{sent.body}"
    assert "&#x27;" not in words
    assert "!" not in words
    assert re.search(r"^http://\S+/accounts/password/reset/key/\S+$", words, re.M)


@pytest.mark.parametrize("name", ["400", "403", "403_csrf", "404", "429", "500", "503"])
def test_an_error_page_says_what_happened_and_what_to_do(name: str) -> None:
    markup = render_to_string(f"{name}.html")
    status = name.split("_")[0]
    assert f'<p class="fault-status">{status}</p>' in markup
    text = re.search(r'<p class="muted">(.*?)</p>', markup, re.S)
    assert text
    assert text[1].count(".") >= 2


@pytest.mark.django_db
def test_a_stranger_address_answers_with_our_page(client: Client) -> None:
    response = client.get("/no/such/page/")
    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_chosen_scheme_is_in_the_page_before_any_script(theme: str) -> None:
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = theme
    assert f'<html lang="en" data-theme="{theme}">' in render_to_string("base.html", {"request": request})


def test_an_unknown_scheme_is_not_written_into_the_page() -> None:
    request = RequestFactory().get("/")
    request.COOKIES["theme"] = '"><script src=x>'
    assert '<html lang="en">' in render_to_string("base.html", {"request": request})


def test_a_message_is_text() -> None:
    shown = [messages.Message(messages.ERROR, "<b>no</b>")]  # type: ignore[attr-defined]
    assert "&lt;b&gt;no&lt;/b&gt;" in render_to_string("components/messages.html", {"messages": shown})


def test_the_seam_shows_both_sides_and_never_the_length_of_a_credential() -> None:
    facts = {
        "name": "get_invoice",
        "state": "withheld",
        "arguments": '{"id": "<script>"}',
        "method": "GET",
        "host": "api.stripe.com",
        "path": "/v1/invoices/in_1",
        "credential": "stripe-prod",
        "reason": "The answer carried the credential.",
    }
    markup = render_to_string("components/seam.html", facts)
    assert 'role="group" aria-label="Tool call get_invoice, Withheld"' in markup
    assert "What the model saw" in markup
    assert "What the API got" in markup
    assert "&lt;script&gt;" in markup
    chip = re.search(r'<span class="chip chip-sealed".*?</span></span>', markup, re.S)
    assert chip
    assert re.sub(r"<[^>]*>", "", chip[0]).strip() == "Credential stripe-prod"
    model_side, api_side = markup.split('class="seam-api"')
    assert "stripe-prod" in api_side
    assert "stripe-prod" not in model_side
