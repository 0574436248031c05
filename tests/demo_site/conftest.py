"""The demo site is a project with settings of its own, so its tests, in cases/, run in a pytest of their own.

One of them alone: python3 dev.py run -m pytest --ds=demo_site.settings tests/demo_site/cases -k payments
"""

from django.conf import settings

UNDER_ITS_SETTINGS = "demo_site.front" in settings.INSTALLED_APPS
collect_ignore = ["test_cases.py" if UNDER_ITS_SETTINGS else "cases"]
