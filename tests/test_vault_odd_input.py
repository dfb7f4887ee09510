"""Odd input is stored right or refused with a reason: every script, 500 characters, NUL bytes, two writers at once."""

import unicodedata
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import close_old_connections, connection
from django.test import Client
from django.urls import reverse

from tenants import audit
from tests.vault_cast import FIRST, SECOND, Vault
from vault import entries, leases, rolling
from vault.errors import Busy, InvalidLabel, InvalidPassword, InvalidValue, WrongPassword

SCRIPTS = {
    "latin": "Zahlungsschlüssel Žižkov ờ",
    "greek": "κλειδί πληρωμών",
    "cyrillic": "ключ оплаты Ђуро",
    "armenian": "վճարման բանալի",
    "georgian": "გადახდის გასაღები",
    "hebrew": "מפתח תשלום",
    "arabic": "مفتاح الدفع ١٢٣",
    "persian": "کلید پرداخت می\u200cشود",  # a zero-width non-joiner, as it is written
    "devanagari": "भुगतान कुंजी क्\u200dष",  # a zero-width joiner
    "tamil": "கட்டண விசை",
    "thai": "กุญแจการชำระเงิน",
    "khmer": "សោ​ទូទាត់",
    "tibetan": "དངུལ་སྤྲོད་ལྡེ་མིག",
    "mongolian": "ᠲᠥᠯᠪᠦᠷᠢ",
    "amharic": "የክፍያ ቁልፍ",
    "cherokee": "ᎠᏕᎸ ᎠᏍᏚᎢᏍᏗ",
    "han": "支付密钥 𠮷野家",
    "kana": "しはらい キー ｶﾞ",
    "hangul": "결제 키",
    "emoji": "🔑 👩\u200d👩\u200d👧 🏳️\u200d🌈 🇺🇦",
    "beyond the first plane": "𝔭𝔞𝔶𝔪𝔢𝔫𝔱 𐍈𐌰",
    "heaped accents": "p\u0301\u0302\u0303\u0304a\u0305\u0306y",
}


@pytest.fixture
def put(vault: Vault) -> Callable[..., None]:
    def act(label: str, value: bytes, password: str = FIRST, band: int | None = None) -> None:
        entries.put(vault.tenant, label, value, password=password, actor="operator", band=band)

    return act


def get(vault: Vault, label: str, password: str = FIRST) -> bytes:
    return entries.get(vault.tenant, label, password=password, actor="operator")


def test_a_label_in_every_script_is_stored_found_listed_shown_and_used(
    vault: Vault, put: Callable[..., None], client: Client
) -> None:
    for script, label in SCRIPTS.items():
        put(label, script.encode())
    assert {entry.label for entry in entries.list(vault.tenant)} == {
        unicodedata.normalize("NFC", label) for label in SCRIPTS.values()
    }
    lease = leases.unlock(vault.tenant, FIRST, actor="operator")
    client.force_login(vault.cast.alice)
    page = client.get(reverse("vault", args=["acme"])).content.decode()
    for script, label in SCRIPTS.items():
        assert get(vault, unicodedata.normalize("NFD", label)) == script.encode()
        assert entries.open_under_lease(vault.tenant.pk, label, lease.id) == script.encode()
        assert unicodedata.normalize("NFC", label) in page
    assert audit.verify(vault.tenant).fault is None


@pytest.mark.parametrize("label", ["\u200b", "\u00ad", "\u2060\u200d", "\ufe0f", "\ufeff", "\u3164", "\u00a0"])
def test_a_label_that_nobody_would_see_is_refused(label: str, vault: Vault, put: Callable[..., None]) -> None:
    with pytest.raises(InvalidLabel):
        put(label, b"value")
    assert not entries.list(vault.tenant)


def test_a_label_twice_is_one_label(vault: Vault, put: Callable[..., None]) -> None:
    put("stripe", b"one")
    put("stripe", b"two")
    assert len(entries.list(vault.tenant)) == 1
    assert get(vault, "stripe") == b"two"
    assert not entries.make(vault.tenant, "stripe", actor="operator")
    put("Stripe", b"another")  # as written: case tells labels apart
    assert [entry.label for entry in entries.list(vault.tenant)] == ["Stripe", "stripe"]


def test_500_characters(vault: Vault, put: Callable[..., None]) -> None:
    with pytest.raises(InvalidLabel, match="at most 200"):
        put("l" * 500, b"value")
    long = "密" * 500  # 1500 bytes
    with pytest.raises(InvalidValue):
        put("small", long.encode())
    put("large", long.encode(), band=4096)
    assert get(vault, "large").decode() == long
    password = "quartz " + "ö" * 493
    rolling.roll(vault.tenant, FIRST, password, actor="operator")
    assert get(vault, "large", password).decode() == long
    with pytest.raises(WrongPassword):
        get(vault, "large", password[:-1])
    with pytest.raises(InvalidPassword, match="1024"):
        get(vault, "large", password * 3)


def test_nul_bytes(vault: Vault, put: Callable[..., None]) -> None:
    with pytest.raises(InvalidLabel):
        put("a\0b", b"value")
    put("binary", b"\0\0value\0")
    assert get(vault, "binary") == b"\0\0value\0"
    rolling.roll(vault.tenant, FIRST, FIRST + "\0tail", actor="operator")
    assert get(vault, "binary", FIRST + "\0tail") == b"\0\0value\0"
    for other in (FIRST, FIRST + "\0", FIRST + "\0other"):  # none is cut at the NUL
        with pytest.raises(WrongPassword):
            get(vault, "binary", other)


@pytest.mark.parametrize("field", ["label", "value", "password"])
def test_a_nul_in_a_form_is_said_in_place(field: str, vault: Vault, client: Client) -> None:
    client.force_login(vault.cast.alice)
    form = {"label": "new", "value": "sk_live_planted", "password": FIRST}
    answer = client.post(reverse("vault_add", args=["acme"]), form | {field: form[field] + "\0"})
    assert answer.status_code < 500
    assert answer.context["form"].errors[field]
    assert "sk_live_planted" not in answer.content.decode()
    assert not entries.list(vault.tenant)


@pytest.mark.db_matrix
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("passwords", [(FIRST, FIRST), (FIRST, SECOND)], ids=["the same password", "two passwords"])
def test_two_who_make_a_label_at_once_make_one_and_lose_no_value(passwords: tuple[str, str], vault: Vault) -> None:
    vault.add_second()
    together, outcomes = Barrier(2), Counter[str]()

    def writer(n: int, password: str) -> list[str]:
        mine = []
        try:
            for label in (f"label {m}" for m in range(8)):
                together.wait()
                value = b"%d" % n
                try:
                    entries.put(vault.tenant, label, value, password=password, actor="operator")
                    mine.append(label)
                except Busy:  # the other was first: said, and nothing of it is half done
                    outcomes["busy"] += 1
        finally:
            close_old_connections()
            connection.close()
        return mine

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(writer, n, password) for n, password in enumerate(passwords)]
        stored = [job.result() for job in jobs]
    assert len(entries.list(vault.tenant)) == 8
    for label in (f"label {m}" for m in range(8)):
        by = [n for n in (0, 1) if label in stored[n]]
        assert by, "neither was stored"
        for n in by:
            found = get(vault, label, passwords[n])
            assert found in ({b"0", b"1"} if passwords[0] == passwords[1] else {b"%d" % n})
    assert audit.verify(vault.tenant).fault is None


@pytest.mark.db_matrix
@pytest.mark.django_db(transaction=True)
def test_two_who_write_one_value_at_once_leave_one_of_the_two(vault: Vault, put: Callable[..., None]) -> None:
    put("stripe", b"start")
    together = Barrier(2)

    def writer(n: int) -> None:
        try:
            for m in range(10):
                together.wait()
                entries.put(vault.tenant, "stripe", b"%d of %d" % (m, n), password=FIRST, actor="operator")
                found = get(vault, "stripe")
                assert found.split()[1] == b"of", found
        finally:
            close_old_connections()
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(writer, n) for n in range(2)]:
            job.result()
    assert get(vault, "stripe") in {b"9 of 0", b"9 of 1"}
    assert audit.verify(vault.tenant).fault is None
