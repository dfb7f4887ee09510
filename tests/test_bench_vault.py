"""The vault's benchmark measures what it says."""

from collections.abc import Iterator

import pytest

from bench import app as apps
from bench import vault
from bench.app import App
from bench.vault import Flood, Opening


def test_the_table_tells_what_the_lease_adds_to_the_database() -> None:
    found = Opening(opening=0.9, reading=0.6, unlocking=115.0, derivation=112.0, derivations=1)
    text = vault.table(found, Flood({"200": 18, "429 busy": 182}, (100.0, 240.0), 5.0, 5.5, 3.0))
    assert "| 0.30 ms |" in text
    assert "18 of 200, 182 of 429 busy" in text
    assert "100 → 240 MB" in text


@pytest.mark.e2e
@pytest.mark.alone
def test_opening_costs_a_hundredth_of_a_derivation_and_unlocking_is_one() -> None:
    found = vault.opening()
    # A millisecond where a derivation takes its usual tenth of a second; a machine that is busy is slower in both.
    assert found.opening - found.reading < found.derivation / 100
    assert found.derivations == 1
    assert found.unlocking < 2 * found.derivation + 20


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")  # the tests' own, with a database of theirs
    with apps.mock() as upstream, apps.running(upstream.url) as app:
        yield app


@pytest.mark.e2e
@pytest.mark.alone
def test_a_flood_is_answered_by_the_queue_and_by_nothing_else(app: App) -> None:
    """No limit of a member or of an address comes before it."""
    flooded = vault.flood(app)
    assert set(flooded.answers) == {"200", "429 busy"}
    assert sum(flooded.answers.values()) == vault.FLOOD
    # Those that derive and those that wait: they are let in, whatever comes.
    assert flooded.answers["200"] >= 18
