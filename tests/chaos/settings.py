"""Django settings of the pools and callers under faults: DATABASE_URL, and JOBQUEUE as JSON in CHAOS_SETTINGS."""

import json
import os
from pathlib import Path
from typing import Any

import dj_database_url

BASE_DIR = Path(__file__).resolve().parent.parent.parent

DATABASES: dict[str, Any] = {"default": {**dj_database_url.parse(os.environ["DATABASE_URL"])}}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

JOBQUEUE: dict[str, Any] = json.loads(os.environ["CHAOS_SETTINGS"])

SECRET_KEY = "for tests under faults only"
USE_TZ = True
INSTALLED_APPS = ["jobqueue", "tests.chaos"]
