"""Who of the staff may see jobs in the admin, if that shows any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import DatabaseError, router, transaction

from jobqueue.doctor.finding import Finding, hint, ok
from jobqueue.doctor.site import Site
from jobqueue.wording import few

#: Members of the staff that are asked about.
MANY = 50
#: Those that are told of one by one.
NAMED = 5
REMEDY = 'Add {whom} to group "Job viewers"; python manage.py jobs init --groups makes it.'


def rights(site: Site) -> Iterator[Finding]:
    """Report staff to whom the admin shows no jobs; nothing if it shows none to anybody, or users may not be read."""
    if not _is_in_admin():
        return
    try:
        with transaction.atomic(using=router.db_for_read(get_user_model())):
            blind = [user for user in staff() if not user.has_module_perms("jobqueue")]
    except DatabaseError:  # the rights of workers end at our own tables
        return
    if blind:
        one = len(blind) == 1
        who = f"user {blind[0]} is staff but has" if one else f"users {few(blind, NAMED)} are staff but have"
        yield hint("rights.none", f"{who} no jobqueue right", REMEDY.format(whom="her or him" if one else "them"))
    else:
        yield ok("rights", "the staff may see jobs in the admin")


def staff() -> list[Any]:
    """Return those who may enter the admin; nobody if the project's users have no such mark."""
    users = get_user_model()
    fields = {each.name for each in users._meta.get_fields()}
    if not {"is_staff", "is_active"} <= fields or not hasattr(users, "has_module_perms"):
        return []
    return list(users._default_manager.filter(is_staff=True, is_active=True).order_by("pk")[:MANY])


def _is_in_admin() -> bool:
    if not apps.is_installed("django.contrib.admin"):
        return False
    from django.contrib.admin.sites import all_sites

    return any(model._meta.app_label == "jobqueue" for site in all_sites for model in site._registry)
