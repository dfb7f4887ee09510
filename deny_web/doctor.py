"""What is set up, what is missing, what to do; the checks behind `manage.py doctor`.

A finding says whether a secret is there and never what it is, nor an address that could carry one.
"""

import os
import shutil
import stat
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import redis
from django.conf import settings
from django.db import DatabaseError, connection

from deny_web import env, health, heartbeat, rundir, valkey

_LEAST_SPACE = 200 * 1024 * 1024  # bytes; under it SQLite's journal and a backup no longer fit
_NOT_RUNNING = "start the app: make run"


class State(StrEnum):
    GOOD = "ok"
    OPEN = "open"  # works without, and someone may want it
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do about it."""

    subject: str
    state: State
    text: str
    advice: str = ""


def examine() -> Iterator[Finding]:
    """Every finding, in the order in which a person would mend things."""
    checks: tuple[Callable[[], Iterator[Finding]], ...] = (
        data_directory,
        keys,
        database,
        messaging,
        workers,
        web,
        model,
        upstreams,
        outside,
    )
    for check in checks:
        yield from check()


def data_directory() -> Iterator[Finding]:
    """Whether it can be written, is nobody else's, and has room."""
    folder: Path = settings.DATA_DIR
    try:
        rundir.prepare(folder)
    except rundir.Refused as refusal:
        yield Finding("data directory", State.WRONG, str(refusal), "chown it to the user who runs the app")
        return
    free = shutil.disk_usage(folder).free
    if free < _LEAST_SPACE:
        yield Finding("data directory", State.WRONG, f"{free // 2**20} MiB are left on its disk", "make room")
    elif folder.stat().st_mode & 0o077:
        yield Finding("data directory", State.OPEN, f"{folder} can be entered by others", f"chmod 700 {folder}")
    else:
        yield Finding("data directory", State.GOOD, str(folder))


def keys() -> Iterator[Finding]:
    """The server keys and the signing key: there, readable, private."""
    yield _key("server keys", "DENY_WEB_SERVER_KEYS", settings.DATA_DIR / "server_keys")
    yield _key("signing key", "DJANGO_SECRET_KEY", settings.DATA_DIR / "django_secret_key")
    yield from _retired_keys()


def _key(subject: str, name: str, path: Path) -> Finding:
    if env.text(name) is None and not path.exists():
        return Finding(subject, State.WRONG, "not made yet", "the first start makes it: make run")
    if env.text(name) is None and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return Finding(subject, State.WRONG, f"{path} can be read by others", f"chmod 600 {path}")
    if subject == "server keys":
        from vault import server_keys

        try:
            server_keys.all()
        except env.BadEnvironment as error:
            return Finding(subject, State.WRONG, str(error.code).removeprefix("deny_web: "), "see docs/operations.md")
    where = f"set in {name}" if env.text(name) else f"in {path}; keep a copy, apart from the database's"
    return Finding(subject, State.GOOD, where)


def _retired_keys() -> Iterator[Finding]:
    """What outlives retired server keys, where it cannot be used: a running process goes on without it."""
    from vault import audit_keys, compaction_keys
    from vault.tripwires import keys as tripwire_keys

    for kept in (audit_keys, tripwire_keys, compaction_keys):
        try:
            kept.check()
        except env.BadEnvironment as error:
            text = str(error.code).removeprefix("deny_web: ")
            yield Finding("retired keys", State.WRONG, text, "until then, what lies under them counts as lost")


def database() -> Iterator[Finding]:
    """Whether it answers and has this code's tables."""
    kind = "SQLite in the data directory" if env.text("DATABASE_URL") is None else connection.display_name
    try:
        if connection.vendor == "sqlite" and not Path(connection.settings_dict["NAME"]).exists():
            yield Finding("database", State.WRONG, "not made yet", _NOT_RUNNING)
        elif health.database_is_current():
            yield Finding("database", State.GOOD, f"{kind}; all migrations are applied")
        else:
            yield Finding("database", State.WRONG, f"{kind} lacks migrations", f"{_NOT_RUNNING}, or manage.py migrate")
    except DatabaseError:
        yield Finding("database", State.WRONG, f"{kind} does not answer", "check DATABASE_URL and the server behind it")


def messaging() -> Iterator[Finding]:
    """Whether Valkey, or the Redis of REDIS_URL, answers."""
    embedded = env.text("REDIS_URL") is None
    subject = "Valkey" if embedded else "Redis"
    try:
        health.valkey_answers()
    except redis.RedisError:
        advice = _NOT_RUNNING if embedded else "check REDIS_URL and the server behind it"
        yield Finding(subject, State.WRONG, "does not answer", advice)
        return
    policy = _eviction()
    if policy != "noeviction":
        yield Finding(subject, State.WRONG, f"drops keys when it is full ({policy})", "set maxmemory-policy noeviction")
    else:
        yield Finding(subject, State.GOOD, "embedded, on a private socket" if embedded else "answers at REDIS_URL")


def _eviction() -> str:
    try:
        return str(valkey.sync().config_get("maxmemory-policy").get("maxmemory-policy", "noeviction"))
    except redis.ResponseError:
        return "noeviction"  # a hosted Redis may not tell its configuration


def workers() -> Iterator[Finding]:
    """Whether each kind left a sign of life."""
    try:
        alive = heartbeat.alive()
    except redis.RedisError:
        return  # said already; the signs are kept there
    for kind, is_alive in alive.items():
        subject = "beat" if kind == "beat" else f"{kind} worker"
        if is_alive:
            yield Finding(subject, State.GOOD, "alive")
        else:
            yield Finding(subject, State.WRONG, "no sign of life for 16 seconds", _NOT_RUNNING)


def web() -> Iterator[Finding]:
    """Whether the web server answers, where the supervisor says that it is, or at HOST and PORT."""
    address = rundir.web_address(settings.DATA_DIR) or _configured_address()
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5):  # noqa: S310 - always http
            yield Finding("web", State.GOOD, f"answers on {address}")
    except OSError:
        yield Finding("web", State.WRONG, f"nothing answers on {address}", _NOT_RUNNING)


def _configured_address() -> str:
    host = "127.0.0.1" if settings.HOST in {"0.0.0.0", "::", ""} else settings.HOST  # noqa: S104 - asked, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.PORT}"


def model() -> Iterator[Finding]:
    """Where answers come from, unless a workspace has its own upstream."""
    key = "a key is set" if settings.OPENAI_API_KEY else "no key is set"
    if settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL:
        where = "OPENAI_BASE_URL" if settings.OPENAI_BASE_URL else "OpenAI"
        yield Finding("model", State.GOOD, f"{settings.OPENAI_MODEL or 'the default model'} at {where}; {key}")
        if not settings.OPENAI_MODEL:
            yield Finding("model", State.OPEN, "OPENAI_MODEL is not set", "set it to what the server offers")
    elif settings.DEMO:
        yield Finding("model", State.OPEN, f"the offline demo model; {key}", "set OPENAI_API_KEY for a real one")
    else:
        yield Finding("model", State.OPEN, key, "set OPENAI_API_KEY, or each workspace sets its own under Models")


def upstreams() -> Iterator[Finding]:
    """What workspaces set up for themselves, and how it is."""
    from chat.providers import report

    try:
        for slug, text, trouble in report.by_workspace():
            advice = "see the workspace's Models page; a refused key is replaced there" if trouble else ""
            yield Finding(f"models {slug}"[:15], State.OPEN if trouble else State.GOOD, text, advice)
    except DatabaseError:
        return  # said already


def outside() -> Iterator[Finding]:
    """What a server that others reach needs."""
    if settings.DEMO:
        yield Finding("reach", State.GOOD, "this machine only, demo on")
        return
    if settings.PUBLIC_URL and settings.PUBLIC_URL.startswith("https://"):
        yield Finding("reach", State.GOOD, "PUBLIC_URL is https")
    elif not os.environ.get("HOST", "127.0.0.1").startswith("127."):
        advice = "put a TLS proxy in front and set PUBLIC_URL=https://…"
        yield Finding("reach", State.WRONG, "others can reach it without TLS, passwords included", advice)
    if settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        yield Finding("e-mail", State.OPEN, "mails go to the log", "set EMAIL_BACKEND and EMAIL_HOST")
