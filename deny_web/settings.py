"""Settings, read from the environment once. `docs/operations.md` lists every name."""

import contextlib
import ipaddress
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import dj_database_url

from deny_web import env, rundir

BASE_DIR = Path(__file__).resolve().parent.parent


def _private_folder(path: Path) -> Path:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        raise env.BadEnvironment(f"the data directory {path} cannot be made; set DATA_DIR to a writable one.") from None
    return path


def _made_once(path: Path) -> str:
    """The secret in `path`, made at the first start. A link makes it appear whole and once: two starts agree."""
    if path.exists():
        return path.read_text(encoding="ascii").strip()
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    except OSError:
        raise env.BadEnvironment(f"{path} cannot be written; set DATA_DIR to a writable directory.") from None
    return path.read_text(encoding="ascii").strip()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- where we are -----------------------------------------------------------------------------------------------
HOST = env.text("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000)
DATA_DIR = _private_folder(Path(env.text("DATA_DIR", str(BASE_DIR / "var"))).expanduser().resolve())
DEBUG = False
SECRET_KEY = env.text("DJANGO_SECRET_KEY") or _made_once(DATA_DIR / "django_secret_key")
PUBLIC_URL = env.text("PUBLIC_URL")
_public_host = urlsplit(PUBLIC_URL).hostname if PUBLIC_URL else None
_named_hosts = {HOST, _public_host or HOST, *env.words("ALLOWED_HOSTS")} - {"0.0.0.0", "::"}  # noqa: S104 - taken out
ALLOWED_HOSTS = sorted({"127.0.0.1", "localhost", "[::1]"} | _named_hosts)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL.rstrip("/")] if PUBLIC_URL else []
SECURE_COOKIES = bool(PUBLIC_URL and PUBLIC_URL.startswith("https://"))

# --- the default upstream and the demo --------------------------------------------------------------------------
OPENAI_API_KEY = env.text("OPENAI_API_KEY")
OPENAI_BASE_URL = env.text("OPENAI_BASE_URL")
OPENAI_MODEL = env.text("OPENAI_MODEL")
DEMO = env.flag("DEMO", _is_loopback(HOST)) and _is_loopback(HOST)
DEMO_PORT = env.integer("DEMO_PORT", 0)
DEMO_URL = f"http://127.0.0.1:{DEMO_PORT}" if DEMO and DEMO_PORT else ""
TOOL_ALLOWED_HOSTS = env.words("TOOL_ALLOWED_HOSTS")

# --- applications -----------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "channels",
    "tenants",
    "vault",
    "chat",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "deny_web.csp.ContentSecurityPolicyMiddleware",
]
ROOT_URLCONF = "deny_web.urls"
ASGI_APPLICATION = "deny_web.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenants.console.context",
            ],
        },
    },
]

# --- database: the truth ----------------------------------------------------------------------------------------
DATABASES = {"default": dj_database_url.parse(env.text("DATABASE_URL", f"sqlite:///{rundir.database_path(DATA_DIR)}"))}
_IS_SQLITE = DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3"
# SQLite has one writer: more threads would wait for each other in its busy handler, which sleeps, and not in our queue.
DB_THREADS = env.integer("DB_THREADS", 2 if _IS_SQLITE else 8)
DB_WRITES_TOGETHER = _IS_SQLITE  # PostgreSQL has many writers, and joins their commits by itself
if _IS_SQLITE:
    DATABASES["default"] |= {
        "CONN_MAX_AGE": None,
        "OPTIONS": {
            # IMMEDIATE: a read-then-write transaction that begins as a reader fails as "locked" under load.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # secure_delete: freed pages are overwritten, so that an old row does not linger beside its successor.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON; "
            "PRAGMA foreign_keys=ON; PRAGMA cache_size=-8000;",
        },
    }
else:
    DATABASES["default"] |= {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Valkey: broker, channel layer, event log, leases, limits; never the only copy -------------------------------
REDIS_URL = env.text("REDIS_URL", rundir.socket_url(DATA_DIR))
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "cache"}
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "bell"},
    }
}
CELERY_BROKER_URL = (
    f"redis+socket://{REDIS_URL[7:].split('?')[0]}?virtual_host=0" if REDIS_URL.startswith("unix://") else REDIS_URL
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "turns"
CELERY_TASK_ROUTES = {"tools.*": {"queue": "tools"}}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A message is gone once it is taken. What its worker then loses, the ledger, the hosts' heartbeats and the sweeps
    # find; the emulation would cost as much as the rest of a task, and run one twice that outlives its time-out.
    "ack_emulation": False,
    "priority_steps": [0],
    "socket_timeout": 30,
    "global_keyprefix": "celery:",
}
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False  # nobody asks; each worker would listen for it beside its queue
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "recover-turns": {"task": "turns.recover", "schedule": 2.0, "options": {"expires": 10}},
    "recover-tool-calls": {"task": "tools.recover", "schedule": 2.0, "options": {"expires": 10}},
    "sweep-expired": {"task": "turns.sweep", "schedule": 60.0, "options": {"expires": 120}},
    "sweep-vaults": {"task": "vault.sweep", "schedule": 60.0, "options": {"expires": 120}},
    "keep-audit-heads": {"task": "audit.heads", "schedule": 900.0, "options": {"expires": 900}},
    "sweep-webhooks": {"task": "webhooks.sweep", "schedule": 5.0, "options": {"expires": 10}},
    "tidy-webhooks": {"task": "webhooks.tidy", "schedule": 600.0, "options": {"expires": 600}},
}

# --- people -----------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [{"NAME": "tenants.strength.StrengthValidator"}]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/start/"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_ADAPTER = "tenants.accounts.AccountAdapter"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "deny_web: "
ACCOUNT_FORMS = {
    "signup": "tenants.account_forms.SignupForm",
    "change_password": "tenants.account_forms.ChangePasswordForm",
    "reset_password_from_key": "tenants.account_forms.ResetPasswordKeyForm",
}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SECURE_COOKIES else "http"
SESSION_COOKIE_NAME = "deny_web_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = SECURE_COOKIES
CSRF_COOKIE_SECURE = SECURE_COOKIES
CSRF_COOKIE_SAMESITE = "Lax"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
EMAIL_BACKEND = env.text("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = env.text("EMAIL_HOST", "localhost")
EMAIL_PORT = env.integer("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", False)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", "deny_web <noreply@localhost>")

# The module whose keys the audit trail is chained under; named here since `tenants` may not import `vault`.
AUDIT_KEYRING = "vault.audit_keys"
AUDIT_HEADS = Path(env.text("AUDIT_HEADS", str(DATA_DIR / "audit-heads.log"))).expanduser().resolve()
# The same way: the module that seals webhooks' addresses and secrets under a server key.
FIELD_SEALING = "vault.sealed_fields"

# --- the rest ---------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
LOG_LEVEL = env.text("LOG_LEVEL", "INFO").upper()
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Both print request lines; a query string can carry what a person typed.
        "httpx2": {"level": "WARNING"},
        "openai": {"level": "WARNING"},
        "uvicorn.access": {"level": "WARNING"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
    },
}
