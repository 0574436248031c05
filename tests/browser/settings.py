"""The demo site as these tests look at it: under a strict content security policy, on request under Unfold."""

from __future__ import annotations

import os

from demo_site.settings import *  # noqa: F403
from demo_site.settings import INSTALLED_APPS as APPS
from demo_site.settings import JOBQUEUE as OPTIONS
from demo_site.settings import MIDDLEWARE as LAYERS

INSTALLED_APPS = [*(["unfold"] if os.environ.get("BROWSER_UNFOLD") else []), *APPS]
MIDDLEWARE = ["tests.browser.policy.StrictPolicy", *LAYERS]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
JOBQUEUE = {**OPTIONS, "HEARTBEAT_SECONDS": 1}  # pages show soon what workers do
