"""docs/webhooks.md says what the code does."""

import re
import time
from typing import Any

from tenants.webhooks import delivery, endpoints, events, posting, signing
from tests import docs

DOCUMENT = docs.ROOT / "docs" / "webhooks.md"
TEXT = " ".join(DOCUMENT.read_text(encoding="utf-8").split())


def test_the_events_are_those_of_the_code() -> None:
    listed = set(re.findall(r"\| `((?:response|deny_web)\.[\w.]+)` \|", TEXT))
    assert listed == events.KNOWN | {events.TEST}


def test_the_figures_are_those_of_the_code() -> None:
    assert [5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24))] == list(delivery.DELAYS)
    assert "after 5 seconds, 5 minutes, 30 minutes, 2, 5, 10, 14, 20 and 24 hours, give or take a tenth" in TEXT
    assert f"within {posting.TIMEOUT:g} seconds" in TEXT
    assert f"at most {endpoints.MOST}." in TEXT
    assert f"last {delivery.KEPT_FOR.days} days" in TEXT
    assert delivery.FAILING_FOR.days == 5
    assert "Five days without one delivery" in TEXT


def test_the_python_receiver_takes_ours_and_refuses_others(capsys: Any) -> None:
    (program,) = docs.blocks(DOCUMENT, "python")
    names: dict[str, Any] = {}
    exec(program, names)  # noqa: S102 - our own document
    secret, event = signing.mint(), events.make("response.completed", {"id": "resp_1"})
    headers = signing.headers([secret], event.id, int(time.time()), event.body)
    with names["client"]:
        assert names["receive"](event.body.encode(), headers, secret) == 204
        assert names["receive"](event.body.encode() + b" ", headers, secret) == 400
    assert capsys.readouterr().out == "resp_1\n"
