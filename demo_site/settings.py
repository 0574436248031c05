"""Settings of the demo site: what a project needs to run jobs, and little else.

Environment: DATABASE_URL (a SQLite file by default), DEMO_VAR (where files go), SECRET_KEY, DEBUG (1 or 0).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dj_database_url
import django

from demo_site.secret import secret_key

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("DEMO_VAR") or BASE_DIR / ".demo").resolve()
VAR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = os.environ.get("SECRET_KEY") or secret_key(VAR / "secret_key")
DEBUG = os.environ.get("DEBUG", "1") == "1"
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "testserver"]

# --- jobqueue -----------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "jobqueue",  # this and `manage.py migrate` are all that it needs
    "demo_site.front",
    "demo_site.hello",
    "demo_site.videos",
    "demo_site.reports",
    "demo_site.payments",
    "demo_site.flaky",
    "demo_site.shop",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

JOBQUEUE = {  # every key has a default
    "QUEUES": {  # name: priority
        "default": 0,
        "mail": 0,
        "videos": 0,
        "payments": 0,
        "imports": -5,
        "reports": -5,
        "exports": -5,
        "newsletter": -10,
    },
    "MAX_ATTEMPTS": 25,
    "KEEP_SUCCEEDED": 3 * 60 * 60,  # seconds; the pages of this site show finished jobs
    "POLL_SECONDS": 1,
    "SHUTDOWN_SECONDS": 10,
}

# --- the database: SQLite in the way that suits several processes, or what DATABASE_URL names ---------------

SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": VAR / "demo.sqlite3",
    "OPTIONS": {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    },
}
URL = os.environ.get("DATABASE_URL")
DATABASES = {"default": {**dj_database_url.parse(URL)} if URL else SQLITE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- files and mail -----------------------------------------------------------------------------------------

MEDIA_ROOT = VAR / "media"
MEDIA_URL = "media/"
STATIC_URL = "static/"
MAIL_FOLDER = VAR / "mail"
MAIL_TO_FILES = "django.core.mail.backends.filebased.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": MAIL_TO_FILES, "OPTIONS": {"file_path": MAIL_FOLDER}}}
else:
    EMAIL_BACKEND, EMAIL_FILE_PATH = MAIL_TO_FILES, MAIL_FOLDER
DEFAULT_FROM_EMAIL = "demo@example.com"

# --- the usual ----------------------------------------------------------------------------------------------

ROOT_URLCONF = "demo_site.urls"
USE_TZ = True
TIME_ZONE = "UTC"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
