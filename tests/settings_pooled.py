"""The test suite's settings as of a project with psycopg's pool and parameters bound by the server."""

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES

DATABASES["default"].setdefault("OPTIONS", {}).update(
    pool={"min_size": 1, "max_size": 4}, server_side_binding=True
)
