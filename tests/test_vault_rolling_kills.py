"""A change of passwords in the running app, killed by pid at several points: by command and in the console."""

import http.client
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest

from tests.infra.app import ROOT, App, wait_for
from tests.promises import database
from tests.promises.people import owner
from tests.promises.visitor import Visitor
from tests.settings import clean_environment
from tests.workspace import VAULT_PASSWORD, Workspace, make_workspace

pytestmark = pytest.mark.e2e

LABELS = 120
VALUES = (0, LABELS // 2, LABELS - 1)
SLUG = "acme"
_FILL = f"""
from tenants.models import Tenant
from vault import entries
tenant = Tenant.objects.get(slug="{SLUG}")
for number in range({LABELS}):
    entries.make(tenant, f"label-{{number:03}}", band=16384, actor="operator")
"""


@dataclass
class Stocked:
    """A workspace with many labels in the widest band, so that a change takes a while; three hold a value. Each test
    takes its password one further."""

    workspace: Workspace
    password: str = VAULT_PASSWORD
    turn: int = 0

    @property
    def app(self) -> App:
        app: App = self.workspace.app
        return app

    @property
    def new(self) -> str:
        return f"gravel lantern walnut sparrow {self.turn}"

    def opens(self, password: str) -> bool:
        """Whether the password opens every value."""
        for number in VALUES:
            words = ("vault", "get", SLUG, f"label-{number:03}")
            if self.app.manage(*words, env={"VAULT_PASSWORD": password}, check=False).stdout != f"value {number}":
                return False
        return True

    def changed(self) -> bool:
        """Whether the new password is in force, whole; then it is the present one."""
        good = self.staged() == 0 and self.opens(self.new)
        self.password, self.turn = self.new, self.turn + 1
        return good

    def staged(self) -> int:
        ((count,),) = database.query(self.app, "SELECT count(*) FROM vault_vaultstagedrow")
        return int(count)

    def roll(self) -> "subprocess.Popen[bytes]":
        """`vault roll` in a process of its own."""
        environment = clean_environment() | self.app.env
        return subprocess.Popen(
            [sys.executable, "manage.py", "vault", "roll", SLUG],
            cwd=ROOT,
            env=environment | {"VAULT_PASSWORD": self.password, "NEW_VAULT_PASSWORD": self.new},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture(scope="module")
def stocked(app: App) -> Stocked:
    workspace = make_workspace(app, SLUG)
    app.manage("shell", "-c", _FILL)
    for number in VALUES:
        workspace.manage("vault", "put", SLUG, f"label-{number:03}", stdin=f"value {number}")
    return Stocked(workspace)


def test_a_command_that_is_killed_goes_on_where_it_was(stocked: Stocked) -> None:
    reached = 0
    for point in (1, LABELS // 2):
        process = stocked.roll()
        _wait_staged(stocked, process, point)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert stocked.staged() >= reached, "what was staged before the kill is still there"
        reached = stocked.staged()
    assert reached > 0
    assert stocked.opens(stocked.password)
    assert stocked.roll().wait(60) == 0
    assert stocked.changed()


def test_a_kill_at_the_end_leaves_the_old_password_or_the_new_one(stocked: Stocked) -> None:
    dice = random.Random(4)
    process = stocked.roll()
    _wait_staged(stocked, process, LABELS)
    time.sleep(dice.uniform(0, 0.3))  # just before the swap, in it, or after it
    process.kill()
    process.wait()
    if stocked.staged():
        assert stocked.opens(stocked.password)
        assert stocked.roll().wait(60) == 0
    assert stocked.changed()


def test_a_web_process_that_is_killed_goes_on_when_the_form_is_sent_again(stocked: Stocked) -> None:
    page, form = f"/t/{SLUG}/console/vault/password/", {"act": "change", "keep_1": stocked.password, "new": stocked.new}
    with closing(owner(stocked.workspace)) as person:
        person.get(page)
        lost, seen = list[Exception](), list[str]()
        sending = threading.Thread(target=_send_once, args=(stocked.app, person, page, form, lost))
        sending.start()

        def midway() -> bool:
            seen.append(person.get(f"{page}progress/").body.decode())
            return stocked.staged() >= 16

        wait_for(midway, 60)
        stocked.app.kill("web")
        sending.join(60)
        assert lost, "the change was done before the kill"
        told = re.findall(r'"running": true, "done": (\d+), "total": (\d+)', " ".join(seen))
        assert {total for _, total in told} == {str(LABELS)}, "the page could not tell how far it is"
        stocked.app.wait_ready()
        assert stocked.opens(stocked.password)
        assert re.search(rb"at it at this moment|A change was cut off", person.get(page).body)
        answer = person.post(page, **form)
        assert answer.status == 302, answer.body.decode()
    assert stocked.changed()


def _wait_staged(stocked: Stocked, process: "subprocess.Popen[bytes]", rows: int) -> None:
    """Return once so many rows are staged, or the process has ended."""
    wait_for(lambda: stocked.staged() >= rows or process.poll() is not None, 60)


def _send_once(app: App, person: Visitor, page: str, form: dict[str, str], lost: list[Exception]) -> None:
    """Once and never again, as a person who sees the browser's error."""
    body = urlencode({"csrfmiddlewaretoken": person.cookies["csrftoken"], **form})
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in person.cookies.items())}
    headers |= {"Content-Type": "application/x-www-form-urlencoded", "Referer": app.url + page}
    connection = http.client.HTTPConnection("127.0.0.1", app.port, timeout=60)
    try:
        connection.request("POST", page, body, headers)
        connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        lost.append(error)
    finally:
        connection.close()
