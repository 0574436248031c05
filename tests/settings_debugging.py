"""The test suite's settings as of a project whose DEBUG was left on."""

from tests.settings import *  # noqa: F403

DEBUG = True
