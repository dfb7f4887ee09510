"""The README's code does what the README says, against the running app."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chat.demo.accounts import DEMO_KEY_NORTHWIND
from chat.demo.seed import TOOL
from tests import docs
from tests.infra.app import ROOT, App
from tests.settings import clean_environment

pytestmark = pytest.mark.e2e

OWNER_PASSWORD, VAULT_PASSWORD = "quiet harbour lantern 7", "nine copper kettles sing"


@pytest.fixture(scope="module")
def said(app: App, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the README's commands print: a workspace with an owner, a vault, a credential and a tool, then locked."""
    folder = tmp_path_factory.mktemp("readme")
    tools = folder / "tools.json"
    tools.write_text(json.dumps([TOOL | {"credential": {"label": "stripe-prod", "in": "bearer"}}]))
    commands = [block for block in docs.blocks(docs.README, "sh") if "manage.py" in block]
    assert len(commands) == 2
    script = "set -e\n" + "\n".join(commands).replace(".venv/bin/python", sys.executable)
    assert script.count("tools.json") == 1
    done = subprocess.run(
        ["bash", "-c", script.replace("tools.json", str(tools))],
        cwd=ROOT,
        env=clean_environment() | app.env,
        input=f"{OWNER_PASSWORD}\n{VAULT_PASSWORD}\n{DEMO_KEY_NORTHWIND}\n",
        text=True,
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_make_a_workspace_that_uses_its_credential(said: str) -> None:
    assert re.search(r"^api_key: dw_\S+$", said, re.MULTILINE)
    assert "Loaded 1 tool." in said
    assert re.search(r"^stripe-prod$", said, re.MULTILINE)
    assert DEMO_KEY_NORTHWIND not in said


def test_the_python_code_runs(app: App, said: str, tmp_path: Path) -> None:
    app.manage("vault", "unlock", "acme", env={"VAULT_PASSWORD": VAULT_PASSWORD})
    found = re.search(r"dw_\S+", said)
    assert found
    code = tmp_path / "readme.py"
    code.write_text("\n".join(docs.blocks(docs.README, "python")))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(code)],
        env={"PATH": os.environ["PATH"], "DENY_WEB_URL": app.url, "DENY_WEB_API_KEY": found[0]},
        text=True,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answer, call, *follow_up, last = done.stdout.strip().splitlines()
    assert "$42.00" in answer
    assert call.startswith('get_invoice {"id":')
    assert '"amount_due":4200' in call
    assert "".join(follow_up).strip()
    assert re.fullmatch(r"completed \d+ tokens", last)
    assert DEMO_KEY_NORTHWIND not in done.stdout
