"""LiteLLM's proxy in front of the same mock, where it is installed. It is none of our requirements.

``LITELLM`` names its executable; without it, ``litellm`` is looked for on PATH.
"""

import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.server import Server, free_port, wait_for

_PATIENCE = 180.0  # it imports for long
_FOREIGN = ("OPENAI_", "LITELLM", "DATABASE_URL", "REDIS_", "PORT", "HOST", "CONFIG")


def executable() -> str | None:
    """Its path, or None where it is not installed."""
    return shutil.which(os.environ.get("LITELLM") or "litellm")


def version(path: str) -> str:
    """Its version, as it says itself."""
    said = subprocess.run([path, "--version"], env=_environment(), capture_output=True, text=True, check=False).stdout
    found = re.search(r"\d+(?:\.\d+)+", said)
    return found[0] if found else ""


@contextmanager
def running(path: str, upstream: str, models: Iterable[str]) -> Iterator[Server]:
    """The proxy, one process, with a route to the mock for each model and a key that it checks."""
    with tempfile.TemporaryDirectory(prefix="dw-bench-", ignore_cleanup_errors=True) as folder:
        port, key, log = free_port(), f"sk-{secrets.token_urlsafe(24)}", Path(folder, "log")
        config = Path(folder, "config.yaml")
        config.write_text(_config(upstream, models))
        command = [path, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
        with log.open("w") as output:
            started = subprocess.Popen(
                command, env=_environment() | {"LITELLM_MASTER_KEY": key}, cwd=folder, stdout=output, stderr=output
            )
        processes = [psutil.Process(started.pid)]
        try:
            health = f"http://127.0.0.1:{port}/health/liveliness"
            wait_for(health, lambda: started.poll() is None, log, _PATIENCE)
            processes += processes[0].children(recursive=True)
            yield Server(f"http://127.0.0.1:{port}/v1", key, tuple(processes))
        finally:
            for process in reversed(processes):
                process.kill()
            started.wait()


def _config(upstream: str, models: Iterable[str]) -> str:
    routes = [
        f"  - model_name: {model}\n"
        f"    litellm_params: {{model: openai/{model}, api_base: '{upstream}', api_key: none}}\n"
        for model in models
    ]
    return f"model_list:\n{''.join(routes)}litellm_settings: {{telemetry: false}}\n"


def _environment() -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    # Its own list of prices instead of one from the network, and no line for each request.
    return own | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
