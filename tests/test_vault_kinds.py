"""A value's kind is guessed from its shape: on the server and in the browser alike, as help and nothing else."""

import base64
import json
import re
from pathlib import Path

import pytest

from tests.vault_cast import FIRST, NEW, SECOND, WRONG, Vault
from vault import compartments, kinds
from vault.errors import InvalidPassword
from vault.pages.forms import AddForm, StartForm

TEMPLATES = Path(__file__).parent.parent / "templates"
_JWT = ".".join(
    base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (b'{"alg":"HS256"}', b'{"sub":"1"}', b"s")
)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "a Stripe live key"),
        ("rk_test_" + "4eC39HqLyjWDarjtT1zdp7dc\n", "a Stripe test key"),
        ("AKIA" + "IOSFODNN7EXAMPLE", "an AWS access key id"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY", "an AWS secret access key"),
        ("ghp_" + "a1" * 18, "a GitHub token"),
        ("sk-ant-" + "x" * 24, "an Anthropic key"),
        ("sk-proj-" + "x" * 24, "an OpenAI key"),
        (_JWT, "a JSON web token"),
        ("postgres://app:secret@db.internal/app", "a database address"),
        ('{"type": "service_account", "project_id": "p"}', "a Google service account"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc", "a private key"),
        ("correct horse battery staple", None),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", None),  # a hash in hexadecimal is no AWS secret
        ("", None),
        ("x" * 30_000, None),
    ],
)
def test_a_kind_is_guessed(value: str, name: str | None) -> None:
    found = kinds.suggest(value)
    assert (found.name if found else None) == name


def test_the_browser_gets_the_same_patterns() -> None:
    told = json.loads(kinds.for_browsers())
    assert [pattern for pattern, _, _ in told] == [kind.pattern for kind in kinds.KINDS]
    # What Python alone has would be an error in the browser.
    assert not [pattern for pattern, _, _ in told if re.search(r"\(\?P|\(\?<|\\A|\\Z|\(\?[aiLmsux]", pattern)]


def test_every_page_that_takes_a_value_says_its_kind() -> None:
    takers = {"vault/add.html", "vault/entry.html", "vault/denysh_add.html", "chat/tools/start.html"}
    for name in takers:
        assert "js/kinds.js" in (TEMPLATES / name).read_text(encoding="utf-8")
    # Whoever adds a field for a value adds its page here.
    uses = [path for room in ("vault", "chat") for path in (TEMPLATES.parent / room).rglob("*.py")]
    forms = [path.name for path in uses if "ValueField(" in path.read_text(encoding="utf-8")]
    assert sorted(forms) == ["denysh.py", "forms.py", "tool_forms.py"]


def test_a_refused_form_says_the_kind_and_not_the_value() -> None:
    secret = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    form = AddForm({"label": "", "value": secret, "password": FIRST})
    assert not form.is_valid()
    page = form.as_p()
    assert "This looks like a Stripe live key." in page
    assert secret not in page


def test_a_second_password_can_be_set_on_the_way_in(vault: Vault) -> None:
    compartments.create(vault.cast.elsewhere, FIRST, second=SECOND, actor="operator")
    first, second = (compartments.open_with(vault.cast.elsewhere, password) for password in (FIRST, SECOND))
    assert first.right
    assert second.right
    assert first.compartment.number != second.compartment.number
    assert not compartments.open_with(vault.cast.elsewhere, WRONG).right
    assert first.version == 1


def test_nothing_tells_whether_a_second_was_set(vault: Vault, derivations) -> None:
    derivations()
    compartments.create(vault.cast.elsewhere, FIRST, second=SECOND, actor="operator")
    assert derivations() == 2
    vault.cast.elsewhere.vault_header.delete()
    compartments.create(vault.cast.elsewhere, FIRST, actor="operator")
    assert derivations() == 2


def test_the_second_has_to_be_another_and_strong() -> None:
    start = {"password": FIRST, "again": FIRST}
    for second, again, word in (
        (FIRST, FIRST, "another one"),
        ("password1", "password1", "easy to guess"),
        (SECOND, NEW, "differ"),
        ("", SECOND, "differ"),
    ):
        form = StartForm({**start, "second": second, "second_again": again})
        assert not form.is_valid()
        assert word in str(form.errors)
    assert StartForm(start).is_valid()
    assert StartForm({**start, "second": SECOND, "second_again": SECOND}).is_valid()


def test_the_same_password_in_another_spelling_is_refused(vault: Vault) -> None:
    with pytest.raises(InvalidPassword, match="differ"):
        compartments.create(vault.cast.elsewhere, NEW + " é", second=NEW + " e\u0301", actor="operator")
