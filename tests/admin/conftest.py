"""People who look at the dashboard."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

TOKEN = "a" * 32
SignIn = Callable[..., Client]


@pytest.fixture
def sign_in(db: None) -> SignIn:
    """Sign in somebody of the staff who has the named rights, as ``view_job``; CSRF is checked."""

    def sign_in(*rights: str, is_staff: bool = True, is_superuser: bool = False) -> Client:
        name = "-".join(rights) if len(rights) < 8 else f"{len(rights)} rights {User.objects.count()}"
        user = User.objects.create_user(name or "nobody", is_staff=is_staff, is_superuser=is_superuser)
        found = Permission.objects.filter(content_type__app_label="jobqueue", codename__in=rights)
        assert {each.codename for each in found} == set(rights)
        user.user_permissions.add(*found)
        client = Client(enforce_csrf_checks=True)
        client.force_login(user)
        return client

    return sign_in


def post(client: Client, url: str, **data: str) -> Any:
    """Send the form of a page as a browser does, with the token of the page; follow where it leads."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(url).content.decode())
    assert token, f"no form on {url}"
    return client.post(url, {"csrfmiddlewaretoken": token[1], **data}, follow=True)


def send(client: Client, url: str, **data: Any) -> Any:
    """Send a form with a token that holds, whether or not there is a page with that form."""
    client.cookies["csrftoken"] = TOKEN
    return client.post(url, {"csrfmiddlewaretoken": TOKEN, **data})
