"""Django settings of the benchmarks: the defaults of jobqueue on the database that the run has prepared."""

import os
from typing import Any

import dj_database_url

DATABASES: dict[str, dict[str, Any]] = {"default": {**dj_database_url.parse(os.environ["DATABASE_URL"])}}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "jobqueue", "benchmarks"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "for benchmarks only"  # noqa: S105 (it guards nothing)
USE_TZ = True
