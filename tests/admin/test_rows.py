"""A job as a row of the list."""

from __future__ import annotations

import pytest

from jobqueue.admin.joblists import short_error
from tests.admin.conftest import SignIn
from tests.admin.planted import plant_failure


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("shop.outside.CardDeclined: no funds", "CardDeclined: no funds"),
        ("shop.Silent", "Silent"),
        ("a.b.Multiline\nTraceback", "Multiline\nTraceback"),
        ("ValueError: see shop.jobs.py: no", "ValueError: see shop.jobs.py: no"),
        ("no stream at 0.1: gone", "no stream at 0.1: gone"),
        ("shop.jobs.charge is unknown", "shop.jobs.charge is unknown"),
        ("", ""),
        ("a." * 50_000, "a." * 50_000),
    ],
)
def test_an_error_begins_with_the_name_of_its_exception(error: str, told: str) -> None:
    assert short_error(error) == told


@pytest.mark.django_db
def test_it_does_so_in_the_list(sign_in: SignIn) -> None:
    plant_failure("shop.outside.CardDeclined: no funds")
    text = sign_in("view_job", "view_job_payload").get("/admin/jobqueue/job/?state=failed").content.decode()
    assert '<span class="jq-line jq-error">CardDeclined: no funds</span>' in text
