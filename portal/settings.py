"""All settings, from the environment; a missing or unsafe one fails loudly (portal/checks.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import django_stubs_ext
import environ

from portal import services
from portal.environment import take

django_stubs_ext.monkeypatch()  # lets generic forms and admins name their model
env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.str("PORTAL_DATA_DIR", default=str(BASE_DIR / "var" / "portal")))
"""Database, queue, generated keys: everything that has to be backed up."""
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

DEBUG = env.bool("PORTAL_DEBUG", default=False)
DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.reporting.NoValues"
SECRET_KEY = take("PORTAL_SECRET_KEY")
SECRET_KEYS = take("PORTAL_KEYS")
"""Key ring of the credential store: `id:base64`, separated by commas or lines, the first one encrypts."""
SECRET_KEYS_FILE = Path(env.str("PORTAL_KEYS_FILE", default=str(DATA_DIR / "keys")))
"""The file of the key ring, when PORTAL_KEYS has none (replicas/keyring.py)."""
SSH_KEY_FILE = Path(env.str("PORTAL_SSH_KEY_FILE", default=str(DATA_DIR / "ssh" / "id_ed25519")))
"""The portal's own SSH key; its public half is shown where hosts are registered."""

OWN_SECRET_KEY = not SECRET_KEY
"""Made by this machine for itself: others do not know it (portal.E005)."""
if OWN_SECRET_KEY:
    from portal.firstrun import secret_key

    SECRET_KEY = secret_key(DATA_DIR)

ALLOWED_HOSTS = env.list("PORTAL_ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("PORTAL_TRUSTED_ORIGINS", default=[])
BEHIND_TLS = env.bool("PORTAL_BEHIND_TLS", default=False)
"""A proxy in front ends TLS and sets X-Forwarded-Proto: cookies become secure, plain requests are redirected."""
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SESSION_COOKIE_SAMESITE = "Strict"
CSRF_FAILURE_VIEW = "portal.errors.csrf_failure"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

INSTALLED_APPS = [
    "replicas",  # before those whose commands it has its own of
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "crispy_forms",
    "crispy_bootstrap5",
    "django_filters",
    "django_htmx",
    "django_tables2",
    "huey.contrib.djhuey",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.middleware.request_id",
    "portal.middleware.content_security_policy",
    "portal.middleware.StaticFiles",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "portal.middleware.time_zone",
    "django.middleware.common.CommonMiddleware",
    "portal.middleware.visible_text",  # within what measures the answer
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.middleware.SignIn",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Lower-case: error pages show every setting, and hide a password only where it is not part of a URL.
database_url = take("DATABASE_URL")  # postgresql://USER:PASSWORD@HOST/NAME; empty: SQLite in DATA_DIR
redis_url = take("REDIS_URL")  # rediss://:PASSWORD@HOST/0; empty: a queue in DATA_DIR, no channel layer
WORKERS = env.int("PORTAL_WORKERS", default=4)
"""Runs that one worker process begins at a time. As many that lost their worker may come on top."""
TASK_WORKERS = env.int("PORTAL_TASK_WORKERS", default=4)
"""Checks, looks, deliveries and verifications that one worker process does at a time, beside runs."""
SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": DATA_DIR / "portal.sqlite3",
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    },
    "TEST": {"NAME": DATA_DIR / "test.sqlite3"},
}
DATABASES: dict[str, dict[str, Any]] = {
    "default": services.postgresql(database_url, WORKERS, TASK_WORKERS) if database_url else SQLITE,
}
SQLITE_QUEUE = {"huey_class": "portal.queue.LocalQueue", "filename": str(DATA_DIR / "queue.sqlite3")}
HUEY: dict[str, Any] = {
    **(services.redis_queue(redis_url, SECRET_KEY) if redis_url else SQLITE_QUEUE),
    "name": "portal",
    "immediate": False,
    "results": False,
    # SQLite has no blocking pop: look often, or an idle worker takes seconds to notice a run.
    "consumer": {"worker_type": "thread", "initial_delay": 0.02, "backoff": 1.1, "max_delay": 0.1},
}
IN_MEMORY_LAYER = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
CHANNEL_LAYERS = {"default": services.redis_layer(redis_url) if redis_url else IN_MEMORY_LAYER}

AUTHENTICATION_BACKENDS = ["replicas.permissions.WithRoles"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "dashboard"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "German"), ("fr", "French")]
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_SAMESITE = "Strict"
LANGUAGE_COOKIE_SECURE = BEHIND_TLS
LOCALE_PATHS = [BASE_DIR / "replicas" / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
FRONTEND_DIR = BASE_DIR / "var" / "frontend" / "node_modules"
"""Front-end packages, installed by script/setup and never fetched by a browser from elsewhere."""
STATICFILES_DIRS: list[Any] = [BASE_DIR / "static"]
for package, folder in (("bootstrap", "bootstrap/dist"), ("htmx", "htmx.org/dist")):
    if (FRONTEND_DIR / folder).is_dir():
        STATICFILES_DIRS.append((f"vendor/{package}", FRONTEND_DIR / folder))
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"
DJANGO_TABLES2_TEMPLATE = "django_tables2/bootstrap5.html"

CHECKPOINTS_FILE = DATA_DIR / "checkpoints.jsonl"
"""Signed ends of the history: copy it to where nobody who may write to the database can change it."""
CHECKPOINT_KEY_FILE = Path(env.str("PORTAL_CHECKPOINT_KEY_FILE", default=str(DATA_DIR / "checkpoint-key.pem")))
CHECKPOINT_SECONDS = env.int("PORTAL_CHECKPOINT_SECONDS", default=300)
AUDIT_SYSLOG = env.str("PORTAL_AUDIT_SYSLOG", default="")
"""Where checkpoints go as well: /dev/log, or HOST:PORT by UDP."""
AUDIT_VERIFY_HOURS = env.float("PORTAL_AUDIT_VERIFY_HOURS", default=24)
"""So often the history is verified by itself."""
PUBLIC_URL = env.str("PORTAL_URL", default="http://localhost:8000")
"""Where people reach the portal: the beginning of every address in e-mails and webhooks."""
email_url = take("EMAIL_URL")  # smtp+tls://USER:PASSWORD@HOST:587, see django-environ; empty: no e-mail is sent
EMAIL_URL_GIVEN = bool(email_url)
if email_url:
    vars().update(environ.Env.email_url_config(email_url))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("PORTAL_EMAIL_FROM", default="Replica portal <replica-portal@localhost>")

BUNDLE_HOURS = env.int("PORTAL_BUNDLE_HOURS", default=24)
KEEP_BUNDLES = env.bool("PORTAL_KEEP_BUNDLES", default=False)
DRAFT_HOURS = env.float("PORTAL_DRAFT_HOURS", default=8)
LEASE_SECONDS = env.int("PORTAL_LEASE_SECONDS", default=30)
LOOK_SECONDS = env.float("PORTAL_LOOK_SECONDS", default=900)
"""How often each realm is looked at; 0: only when somebody asks for it."""
LOG_CHUNK_HOURS = env.float("PORTAL_LOG_CHUNK_HOURS", default=1.0)
"""How long after a run has ended its log is compressed."""
RECONNECT_SECONDS = env.int("PORTAL_RECONNECT_SECONDS", default=60)
"""How long a step that lost a connection tries again by itself before its run fails."""
RUNS_PER_MASTER = env.int("PORTAL_RUNS_PER_MASTER", default=2)
"""So many runs at most work with one master at a time; others wait in the queue."""
SWEEP_SECONDS = env.int("PORTAL_SWEEP_SECONDS", default=15)

LOG_LEVEL = env.str("PORTAL_LOG_LEVEL", default="INFO")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "portal.reporting.Visible", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "asyncssh": {"level": "DEBUG" if LOG_LEVEL == "DEBUG" else "WARNING"},
        # Their debug lines quote what they encrypt and send.
        "gnupg": {"level": "INFO"},
        "ldap3": {"level": "INFO"},
        "httpx": {"level": "WARNING"},  # quotes whole addresses, which are as good as passwords for some webhooks
        "httpcore": {"level": "INFO"},
        "django.request": {"level": "ERROR"},  # a wrong address or role is no event of the log
    },
}
