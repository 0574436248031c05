"""The demo site as these tests look at it: under strict content security policies, on request under Unfold."""

from __future__ import annotations

import django

from demo_site.settings import *  # noqa: F403
from demo_site.settings import INSTALLED_APPS as APPS
from demo_site.settings import JOBQUEUE as OPTIONS
from demo_site.settings import MIDDLEWARE as LAYERS
from demo_site.settings import TEMPLATES
from tests.browser.policy import BY_NONCE, UNDER_UNFOLD

HAS_CSP = django.VERSION >= (6, 0)
CSP_LAYER = (
    "django.middleware.csp.ContentSecurityPolicyMiddleware" if HAS_CSP else "tests.browser.policy.DjangoCSP"
)

INSTALLED_APPS = [*(["unfold"] if UNDER_UNFOLD else []), *APPS]
# No page of Unfold could be under a policy by nonces.
MIDDLEWARE = ["tests.browser.policy.StrictPolicies", *([] if UNDER_UNFOLD else [CSP_LAYER]), *LAYERS]
SECURE_CSP = BY_NONCE
if HAS_CSP:
    TEMPLATES[0]["OPTIONS"]["context_processors"].append("django.template.context_processors.csp")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
JOBQUEUE = {**OPTIONS, "HEARTBEAT_SECONDS": 1}  # pages show soon what workers do
