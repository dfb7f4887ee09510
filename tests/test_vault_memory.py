"""Keys are wiped, show nothing, and their processes leave no core dump."""

import gc
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from tests.infra.app import App
from tests.vault_cast import FIRST, Vault
from vault import compartments, header, memory
from vault.memory import Key

SECRET = b"thirty-two bytes of a master key"


def test_a_key_is_wiped_when_it_is_done_with() -> None:
    key = Key(SECRET)
    key.__del__()  # what the interpreter calls behind the last reference
    assert key == bytes(len(SECRET))
    buffer = bytearray(SECRET)
    memory.wipe(buffer)
    assert buffer == bytes(len(SECRET))
    memory.wipe(bytearray())


def test_a_key_shows_nothing_and_does_not_travel() -> None:
    key = Key(SECRET)
    assert key == SECRET
    assert "master" not in repr(key)
    for leave in (str, lambda one: f"{one}", pickle.dumps):
        with pytest.raises(TypeError):
            leave(key)


def test_a_vault_s_keys_are_such_keys(vault: Vault) -> None:
    opened = compartments.open_with(vault.tenant, FIRST)
    assert isinstance(opened.compartment.master_key, Key)
    assert isinstance(opened.key(FIRST), Key)
    assert isinstance(header.packed(opened.compartment), Key)


def test_nobody_holds_a_master_key_after_the_act(vault: Vault) -> None:
    opened = compartments.open_with(vault.tenant, FIRST)
    alive = _compartments()
    del opened
    assert _compartments() < alive


def _compartments() -> int:
    """How many objects with a master key there are; the keys themselves the collector does not know."""
    return sum(isinstance(one, header.Compartment) for one in gc.get_objects())


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_hardened_process_leaves_no_core_and_is_not_to_be_looked_into() -> None:
    asked = (
        "import ctypes, resource; from vault import memory; memory.harden();"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    root = Path(__file__).resolve().parent.parent
    told = subprocess.run([sys.executable, "-c", asked], cwd=root, capture_output=True, text=True, check=True).stdout
    assert told.split() == ["(0,", "0)", "0"]


@pytest.mark.parametrize("name", ["create_tenant", "denysh", "provider", "rotate_server_keys", "vault"])
def test_the_commands_that_see_secrets_are_hardened(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[str] = []
    monkeypatch.setattr(memory, "harden", lambda: heard.append(name))
    command = load_command_class(get_commands()[name], name)
    with pytest.raises(SystemExit):
        command.run_from_argv(["manage.py", name, "--help"])
    assert heard == [name]


@pytest.mark.e2e
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_processes_that_see_keys_are_hardened(app: App) -> None:
    for name in ("web", "tools", "turns"):
        limits = Path(f"/proc/{app.pids[name]}/limits").read_text()
        (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
        assert line.split()[4:6] == ["0", "0"], name
