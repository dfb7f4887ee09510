"""An app of the tests' own, beside a tool API that it is allowed to call though that is on loopback."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.infra.app import App, end, start
from tests.tool_api import ToolApi


@contextmanager
def app_beside(migrated_dir: Path, api: ToolApi, **env: str) -> Iterator[App]:
    """The app on a copy of `migrated_dir`, without the demo, ready for turns; its temporary files have a folder of
    their own, `data_dir.parent / "tmp"`."""
    folder = Path(tempfile.mkdtemp(prefix="dw-turn-"))
    try:
        shutil.copytree(migrated_dir, folder / "data")
        (folder / "tmp").mkdir()
        given = {"TOOL_ALLOWED_HOSTS": api.host, "DEMO": "0", "TMPDIR": str(folder / "tmp"), **env}
        running = start(folder / "data", folder / "log", given)
        try:
            running.wait_ready()
            yield running
        finally:
            end(running)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
