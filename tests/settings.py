"""Django settings of the test suite: SQLite files, or the PostgreSQL that DATABASE_URL names.

Worker processes that a test starts get two more variables: JOBQUEUE_TEST_DATABASE_NAME, the name of the test
database (JOBQUEUE_TEST_OTHER_DATABASE_NAME for the alias "other"), and JOBQUEUE_TEST_SETTINGS, the dict
JOBQUEUE as JSON.
"""

import json
import os
from pathlib import Path
from typing import Any

import dj_database_url

from tests import setups

BASE_DIR = Path(__file__).resolve().parent.parent
DATABASE_DIR = BASE_DIR / ".test-db"
DATABASE_DIR.mkdir(exist_ok=True)


def database(label: str, name_variable: str) -> dict[str, Any]:
    """One entry of DATABASES; the process id keeps runs at the same time apart."""
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{DATABASE_DIR / 'jobqueue.sqlite3'}"
    entry: dict[str, Any] = {**dj_database_url.parse(url)}
    name = f"test_{label}_{os.getpid()}"
    if entry["ENGINE"].endswith("sqlite3"):
        name = str(DATABASE_DIR / f"{name}.sqlite3")  # a file: other processes must be able to open it
        entry["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
    entry["TEST"] = {"NAME": name}
    entry["NAME"] = os.environ.get(name_variable) or entry["NAME"]
    setups.current().configure(entry)
    return entry


DATABASES = {
    "default": database("jobqueue", "JOBQUEUE_TEST_DATABASE_NAME"),
    "other": database("jobqueue_other", "JOBQUEUE_TEST_OTHER_DATABASE_NAME"),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

JOBQUEUE: dict[str, Any] = json.loads(os.environ.get("JOBQUEUE_TEST_SETTINGS") or "{}")

TASKS: dict[str, Any] = {"default": {"BACKEND": "jobqueue.backends.DatabaseBackend", "QUEUES": []}}

SECRET_KEY = "for tests only"
ROOT_URLCONF = "tests.urls"
USE_TZ = True
TIME_ZONE = "UTC"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "jobqueue",
    "tests.app",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
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
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # tests sign in often
STATIC_URL = "static/"
