"""Health, readiness and metrics of a running app, and what `doctor` says about it."""

import json
import signal
from collections.abc import Callable

import pytest

from tests.infra.app import App, wait_for
from tests.infra.postgres import Unavailable, running

pytestmark = pytest.mark.e2e


def parts(app: App) -> dict[str, object]:
    return json.loads(app.get("/readyz")[1])


def test_ready_app_says_so_and_nothing_more(app: App) -> None:
    expected = {"status": "ok", "database": True, "valkey": True, "tools": True, "turns": True, "beat": True}
    assert parts(app) == expected


def test_hanging_workers_fall_silent(app: App) -> None:
    kinds = {"tools", "turns", "beat"}
    stopped = {kind: app.kill(kind, signal.SIGSTOP) for kind in kinds}
    try:
        wait_for(lambda: silent(app) == kinds, 30, "a stopped process still counts as alive")
        assert [app.get("/readyz")[0], app.get("/healthz")[0]] == [503, 200]
        doctor = app.manage("doctor", check=False)
        assert doctor.returncode == 1
        assert doctor.stdout.count("no sign of life") == 3
    finally:
        for kind in kinds:
            app.kill(kind, signal.SIGCONT)
    app.wait_ready()
    assert {kind: app.pids[kind] for kind in kinds} == stopped  # they went on, nobody restarted them


def silent(app: App) -> set[str]:
    return {name for name, good in parts(app).items() if good is False}


def test_stopped_valkey_makes_it_unready_and_pages_of_health_still_answer(app: App) -> None:
    app.kill("valkey", signal.SIGSTOP)
    try:
        status, _ = app.get("/readyz")
        assert status == 503
        assert app.get("/healthz")[0] == 200
    finally:
        app.kill("valkey", signal.SIGCONT)
    app.wait_ready()


def test_metrics_count_and_name_nobody(app: App) -> None:
    app.manage(
        *("create_tenant", "Quince Works", "--slug", "quince-works", "--owner", "quince@example.com"),
        env={"OWNER_PASSWORD": "kettle-orbit-mango-thistle", "VAULT_PASSWORD": "sparrow-ladder-ocean-77"},
    )
    app.get("/t/quince-works/chat/")
    before = metric(app, 'deny_web_requests_total{method="GET",status="200"}')
    app.get("/healthz")
    text = app.get("/metrics")[1]
    assert metric(app, 'deny_web_requests_total{method="GET",status="200"}') >= before + 2
    for name in ("deny_web_open_sockets", "deny_web_open_streams", 'deny_web_turns{status="completed"}'):
        assert metric(app, name) == 0
    assert metric(app, 'deny_web_tool_calls{state="sending"}') == 0
    assert "quince" not in text


def metric(app: App, series: str) -> float:
    values = [line.rpartition(" ")[2] for line in app.get("/metrics")[1].splitlines() if line.startswith(series + " ")]
    assert len(values) == 1, f"{series}: {values}"
    return float(values[0])


def test_doctor_is_content_and_shows_no_secret(app: App) -> None:
    done = app.manage("doctor", env={"OPENAI_API_KEY": "sk-planted-0123456789", "OPENAI_MODEL": "gpt-5"})
    assert "a key is set" in done.stdout
    secrets = ["sk-planted-0123456789", (app.data_dir / "django_secret_key").read_text().strip()]
    secrets += [line.partition(":")[2] for line in (app.data_dir / "server_keys").read_text().splitlines()[1:]]
    assert [secret for secret in secrets if secret in done.stdout + done.stderr] == []
    assert "wrong" not in done.stdout


def test_doctor_says_what_to_do_where_nothing_runs(tmp_path) -> None:
    stopped = App("", tmp_path, {"DATA_DIR": str(tmp_path / "data")}, None, tmp_path / "log")  # type: ignore[arg-type]
    done = stopped.manage("doctor", check=False)
    assert done.returncode == 1
    assert "make run" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    readable = tmp_path / "data" / "server_keys"
    readable.write_text("1:AAAA\n")
    readable.chmod(0o644)
    assert f"chmod 600 {readable}" in stopped.manage("doctor", check=False).stdout


def test_app_runs_on_postgresql_and_a_redis_of_its_operator(start_app: Callable[..., App], app: App) -> None:
    """The grown-up shape: no embedded part, and both addresses from files, as containers hand out secrets."""
    try:
        with running() as database:
            files = {"DATABASE_URL_FILE": database, "REDIS_URL_FILE": f"unix://{app.data_dir}/run/valkey.sock?db=3"}
            for name, value in files.items():
                (app.data_dir / name).write_text(value + "\n")
            grown = start_app(fresh=True, **{name: str(app.data_dir / name) for name in files})
            grown.wait_ready()
            assert "valkey" not in grown.pids
            assert not (grown.data_dir / "deny_web.sqlite3").exists()
            assert "PostgreSQL; all migrations are applied" in grown.manage("doctor").stdout
            grown.stop()
    except Unavailable as reason:
        pytest.skip(str(reason))
