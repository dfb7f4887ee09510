"""The tests' settings: the app's own, over a data directory, a database and a Valkey that nothing else uses.

Everything the environment of a developer says about the app is taken out first, so that no test reaches a real key.
"""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

_OURS = re.compile(
    r"(HOST|PORT|DATA_DIR|DATABASE_URL|REDIS_URL|OPENAI_\w+|DEMO\w*|VAULT_PASSWORD\w*|VAULT_BACKUP_\w+|NEW_VAULT_PASSWORD|OWNER_PASSWORD"
    r"|TOOL_ALLOWED_HOSTS|DENY_WEB_\w+|DENY_API_\w+|DENY_VAULT_\w+|DJANGO_SECRET_KEY|PUBLIC_URL|ALLOWED_HOSTS|LOG_LEVEL|AUDIT_HEADS|METRICS_TOKEN|DEBUGGABLE)(_FILE)?"
)


def clean_environment() -> dict[str, str]:
    """This process's environment without a word about the app."""
    kept = {name: value for name, value in os.environ.items() if not _OURS.fullmatch(name)}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return kept


def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dw-"))
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # a forked child inherits the handler, and must not empty the folder under its parent
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


SCRATCH = _scratch()
for _name in set(os.environ) - set(clean_environment()) - {"DJANGO_SETTINGS_MODULE"}:
    del os.environ[_name]
os.environ["DATA_DIR"] = str(SCRATCH / "data")
os.environ["REDIS_URL"] = f"unix://{SCRATCH / 'valkey.sock'}?db=0"
# `tests.run` sets it for the second pass, over the tests that touch the database.
if _database := os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = _database

from deny_web.settings import *  # noqa: E402, F403 - only now does the environment say what the tests want
from deny_web.settings import DATABASES, LOGGING  # noqa: E402 - the same

if "sqlite3" in DATABASES["default"]["ENGINE"]:
    # A file, as in life: an in-memory database that threads share locks whole tables and knows no WAL.
    DATABASES["default"]["TEST"] = {"NAME": str(SCRATCH / "test.sqlite3")}
# Argon2 takes 112 ms for each person who signs in; what it resists is not asked here.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
LOGGING["root"] = {"handlers": ["stderr"], "level": "INFO"}  # caplog must be able to see what would be logged
