"""The demo invoice API: the right key only, two accounts, more in an answer than a model may see."""

import base64

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from chat.demo.accounts import DEMO_KEY_CONTOSO, DEMO_KEY_NORTHWIND, INJECTION, LEAKY_INVOICE, SHARED_INVOICE
from chat.demo.invoices import Invoices

NORTHWIND = {"authorization": f"Bearer {DEMO_KEY_NORTHWIND}"}
CONTOSO = {"authorization": f"Bearer {DEMO_KEY_CONTOSO}"}


@pytest.fixture
def api():
    return TestClient(Starlette(routes=Invoices().routes()))


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        f"Bearer {DEMO_KEY_NORTHWIND[:-1]}",
        f"Token {DEMO_KEY_NORTHWIND}",
        "Basic %%",
        "Bearer ä",
    ],
)
@pytest.mark.parametrize("path", ["/v1/invoices", f"/v1/invoices/{SHARED_INVOICE}", "/v1/invoices/absent"])
def test_without_the_right_key_nothing_is_told(api, path, authorization):
    headers = {} if authorization is None else {"authorization": authorization.encode("latin-1")}
    answer = api.get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided."}}


def test_one_id_means_another_invoice_in_another_account(api):
    mine = api.get(f"/v1/invoices/{SHARED_INVOICE}", headers=NORTHWIND).json()
    theirs = api.get(f"/v1/invoices/{SHARED_INVOICE}", headers=CONTOSO).json()
    assert (mine["amount_due"], mine["currency"], mine["status"]) == (4200, "usd", "open")
    assert (theirs["amount_due"], theirs["currency"], theirs["status"]) == (998000, "eur", "paid")


def test_the_documentation_s_invoice_is_in_both_accounts(api):
    amounts = {api.get("/v1/invoices/in_1Abc123XYZ", headers=key).json()["amount_due"] for key in (NORTHWIND, CONTOSO)}
    assert len(amounts) == 2


def test_the_key_comes_as_a_bearer_or_as_a_user_name(api):
    name = base64.b64encode(f"{DEMO_KEY_CONTOSO}:".encode()).decode()
    assert api.get("/v1/invoices", headers={"authorization": f"Basic {name}"}).status_code == 200


def test_it_answers_more_than_a_model_may_see(api):
    invoice = api.get(f"/v1/invoices/{SHARED_INVOICE}", headers=NORTHWIND).json()
    assert invoice["customer_email"] == "ada.marsh@example.com"
    assert invoice["payment_method"]["card"]["last4"] == "4242"
    assert invoice["customer_address"]["line1"]
    assert invoice["metadata"]["internal_notes"] == INJECTION


def test_an_absent_invoice_is_a_404_in_stripes_words(api):
    answer = api.get("/v1/invoices/in_7Pqr345", headers=NORTHWIND)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "resource_missing"
    assert api.get("/v1/invoices/in_7Pqr345", headers=CONTOSO).status_code == 200


def test_the_leaky_invoice_repeats_the_key_and_no_other_does(api):
    leaky = api.get(f"/v1/invoices/{LEAKY_INVOICE}", headers=NORTHWIND).json()
    assert DEMO_KEY_NORTHWIND in leaky["status"]
    listed = api.get("/v1/invoices", headers=NORTHWIND)
    assert DEMO_KEY_NORTHWIND not in listed.text
    ids = [each["id"] for each in listed.json()["data"]]
    assert LEAKY_INVOICE not in ids
    assert all(DEMO_KEY_NORTHWIND not in api.get(f"/v1/invoices/{each}", headers=NORTHWIND).text for each in ids)


def test_no_other_answer_holds_eight_characters_of_a_key(api):
    for key, headers in ((DEMO_KEY_NORTHWIND, NORTHWIND), (DEMO_KEY_CONTOSO, CONTOSO)):
        text = api.get("/v1/invoices", headers=headers).text.lower()
        pieces = [key[start : start + 8].lower() for start in range(len(key) - 7)]
        assert not [piece for piece in pieces if piece in text]


def test_lists_are_narrowed_by_customer_and_status(api):
    ours = api.get("/v1/invoices", params={"customer": "cus_N1Ada", "status": "paid"}, headers=NORTHWIND).json()
    assert [each["id"] for each in ours["data"]] == ["in_2Def456"]
    assert api.get("/v1/invoices", params={"customer": "cus_C1Cleo"}, headers=NORTHWIND).json()["data"] == []


def test_an_idempotency_key_makes_an_effect_happen_once(api):
    path = f"/v1/invoices/{SHARED_INVOICE}/remind"
    first = api.post(path, headers={**NORTHWIND, "idempotency-key": "k1"})
    again = api.post(path, headers={**NORTHWIND, "idempotency-key": "k1"})
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert first.json()["metadata"]["reminders_sent"] == 1
    assert api.post(path, headers={**NORTHWIND, "idempotency-key": "k2"}).json()["metadata"]["reminders_sent"] == 2
    assert api.post(path, headers={**CONTOSO, "idempotency-key": "k1"}).json()["metadata"]["reminders_sent"] == 1
    other = api.post("/v1/invoices/in_2Def456/remind", headers={**NORTHWIND, "idempotency-key": "k1"})
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
