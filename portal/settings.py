"""All settings, from the environment; a wrong or unsafe one fails loudly, by name (portal/checks.py has more).

Raises SettingError, which `portal.startup` turns into one line.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import django_stubs_ext

from portal import addresses, environment, services
from portal.environment import take

django_stubs_ext.monkeypatch()  # lets generic forms and admins name their model
BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = environment.folder("PORTAL_DATA_DIR", BASE_DIR / "var" / "portal")
"""Database, queue, generated keys: everything that has to be backed up."""

DEBUG = environment.boolean("PORTAL_DEBUG")
DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.reporting.NoValues"
SECRET_KEY = take("PORTAL_SECRET_KEY")
SECRET_KEYS = environment.key_ring("PORTAL_KEYS")
"""Key ring of the credential store: `id:base64`, separated by commas or lines, the first one encrypts."""
SECRET_KEYS_FILE = environment.file("PORTAL_KEYS_FILE", DATA_DIR / "keys")
"""The file of the key ring, when PORTAL_KEYS has none (replicas/keyring.py)."""
SSH_KEY_FILE = environment.file("PORTAL_SSH_KEY_FILE", DATA_DIR / "ssh" / "id_ed25519")
"""The portal's own SSH key; its public half is shown where hosts are registered."""

OWN_SECRET_KEY = not SECRET_KEY
"""Made by this machine for itself: others do not know it (portal.E005)."""
if OWN_SECRET_KEY:
    from portal.firstrun import secret_key

    SECRET_KEY = secret_key(DATA_DIR)

ALLOWED_HOSTS = addresses.hosts("PORTAL_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = addresses.origins("PORTAL_TRUSTED_ORIGINS")
PUBLIC_URL, PUBLIC_PATH = addresses.public("PORTAL_URL", "http://localhost:8000")
"""Where people reach the portal, which begins every address in e-mails and webhooks; and its path, "" at the root."""
FORCE_SCRIPT_NAME = PUBLIC_PATH or None
SESSION_COOKIE_PATH = CSRF_COOKIE_PATH = LANGUAGE_COOKIE_PATH = f"{PUBLIC_PATH}/"
BEHIND_TLS = environment.boolean("PORTAL_BEHIND_TLS")
"""A proxy in front ends TLS and sets X-Forwarded-Proto: cookies become secure, plain requests are redirected."""
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if BEHIND_TLS else 0
SESSION_COOKIE_SAMESITE = "Lax"
"""A user who follows a link in a web mail stays signed in. Other sites still cannot send a form with the cookie."""
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
    "portal.middleware.health",
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
if not database_url:
    environment.require_access("PORTAL_DATA_DIR", DATA_DIR, os.W_OK)
WORKERS = environment.integer("PORTAL_WORKERS", 4, minimum=1, maximum=100)
"""Runs that one worker process begins at a time. As many that lost their worker may come on top."""
TASK_WORKERS = environment.integer("PORTAL_TASK_WORKERS", 4, minimum=1, maximum=100)
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
LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SECURE = BEHIND_TLS
LOCALE_PATHS = [BASE_DIR / "replicas" / "locale"]
USE_I18N = True
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = f"{PUBLIC_PATH}/static/"
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
CHECKPOINT_KEY_FILE = environment.file("PORTAL_CHECKPOINT_KEY_FILE", DATA_DIR / "checkpoint-key.pem")
CHECKPOINT_SECONDS = environment.integer("PORTAL_CHECKPOINT_SECONDS", 300, minimum=1, maximum=86_400)
AUDIT_SYSLOG = addresses.syslog("PORTAL_AUDIT_SYSLOG")
"""Where checkpoints go as well: /dev/log, or HOST:PORT by UDP."""
AUDIT_VERIFY_HOURS = environment.number("PORTAL_AUDIT_VERIFY_HOURS", 24, minimum=0.01, maximum=8760)
"""So often the history is verified by itself."""
email_url = take("EMAIL_URL")  # smtp+tls://USER:PASSWORD@HOST:587, see django-environ; empty: no e-mail is sent
EMAIL_URL_GIVEN = bool(email_url)
if email_url:
    vars().update(services.email(email_url))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = services.sender("PORTAL_EMAIL_FROM", "Replica portal <replica-portal@localhost>")

BUNDLE_HOURS = environment.integer("PORTAL_BUNDLE_HOURS", 24, minimum=1, maximum=8760)
# For tests and trials on one machine: its own addresses, loopback ones too, may be those of hosts.
LOCAL_HOSTS = environment.boolean("PORTAL_LOCAL_HOSTS")
KEEP_BUNDLES = environment.boolean("PORTAL_KEEP_BUNDLES")
DRAFT_HOURS = environment.number("PORTAL_DRAFT_HOURS", 8, minimum=0.01, maximum=8760)
LEASE_SECONDS = environment.integer("PORTAL_LEASE_SECONDS", 30, minimum=1, maximum=3600)
LOOK_SECONDS = environment.number("PORTAL_LOOK_SECONDS", 900, minimum=0, maximum=86_400)
"""How often each realm is looked at; 0: only when somebody asks for it."""
LOG_CHUNK_HOURS = environment.number("PORTAL_LOG_CHUNK_HOURS", 1.0, minimum=0, maximum=8760)
"""How long after a run has ended its log is compressed."""
RECONNECT_SECONDS = environment.integer("PORTAL_RECONNECT_SECONDS", 60, minimum=0, maximum=86_400)
"""How long a step that lost a connection tries again by itself before its run fails."""
RUNS_PER_MASTER = environment.integer("PORTAL_RUNS_PER_MASTER", 2, minimum=1, maximum=100)
"""How many runs work with one master at a time; see Backend.serial for FreeIPA realms."""
SWEEP_SECONDS = environment.integer("PORTAL_SWEEP_SECONDS", 15, minimum=1, maximum=3600)

# These are for uvicorn, and are checked with the rest (deploy/portal-web.service).
addresses.proxies("PORTAL_PROXIES")
environment.integer("PORTAL_PORT", 8000, minimum=1, maximum=65_535)

LOG_LEVEL = environment.level("PORTAL_LOG_LEVEL", "INFO")
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
