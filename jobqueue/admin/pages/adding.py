"""The form that stores a job of a class or function that this project declares."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import Parameter
from typing import TYPE_CHECKING, Any

from django import forms
from django.apps import apps
from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobqueue.admin.inputs import PREFIX, Argument, arguments_of, call_of
from jobqueue.admin.logbook import log_addition, together
from jobqueue.admin.options import OptionsForm
from jobqueue.admin.page import Crumb, Route
from jobqueue.admin.pages.acts import Desk
from jobqueue.client import enqueue
from jobqueue.exceptions import JobQueueError
from jobqueue.handlers import DeclaredFunction
from jobqueue.handlers.arguments import Shape
from jobqueue.handlers.known import find_known, known_jobs, maker_of, path_in
from jobqueue.models import Job
from jobqueue.sentences import translated

if TYPE_CHECKING:
    from jobqueue.admin.page import Page

#: More than a list can show; then the name is typed.
MOST_NAMES = 500


class AddPage:
    """Choose what to perform, then give its arguments.

    Args:
        page: of the jobs, to which it belongs.
    """

    def __init__(self, page: Page) -> None:
        self.desk = Desk(page)

    def routes(self) -> Iterator[Route]:
        """Yield the address."""
        yield Route("add/", "add", self.add, "add_job", acts=True)

    def add(self, request: HttpRequest) -> HttpResponse:
        """Show the form that belongs to a name; store the job if it is sent."""
        name = (request.POST or request.GET).get("name", "").strip()
        found = find_known(name) if name else None
        if found is None:
            return self._choose(request, name)
        arguments = list(arguments_of(target_of(found), parameters_of(found)))
        form = EnqueueForm(arguments, request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid() and (job := self._store(request, found, form)):
            return self.desk.back_to(request, job.pk)
        name = path_in(found)
        context = {"name": name, "form": form, "doc": (found.__doc__ or "").strip().partition("\n")[0]}
        context["back"] = self.desk.page.url("add")
        crumbs = (Crumb(_("Add"), self.desk.page.url("add")), Crumb(name))
        title = _("Add a job")
        return self.desk.page.show(request, "jobqueue/admin/add.html", context, title=title, crumbs=crumbs)

    def _choose(self, request: HttpRequest, name: str) -> HttpResponse:
        context = {"name": name[:200], "apps": by_app(name) or by_app(), "back": self.desk.url_of(request)}
        crumbs = (Crumb(_("Add")),)
        return self.desk.page.show(
            request, "jobqueue/admin/add_choose.html", context, title=_("Add a job"), crumbs=crumbs
        )

    def _store(self, request: HttpRequest, found: Any, form: EnqueueForm) -> Job | None:
        """Store it; None if that is refused, which the form says then."""
        args, kwargs = call_of(form.arguments, form.given())
        try:
            performable = maker_of(found)(*args, **kwargs)
        except Exception as error:  # code of the project
            form.add_error(None, f"{type(error).__name__}: {error}")
            return None
        try:
            store, options = self.desk.page.scene.store, form.options()
            with together(store.alias):
                taken = store.keyed(options["key"]) if "key" in options else None
                job = enqueue(performable, **options)
                is_new = taken is None or taken.pk != job.pk
                if is_new:
                    log_addition(request, job, "Stored by the form.")
        except (JobQueueError, TypeError, ValueError, DatabaseError) as error:
            form.add_error(None, translated(error))
            return None
        if is_new:
            self.desk.say(request, _("Stored job #%(id)s.") % {"id": job.pk})
        else:
            words = _("Job #%(id)s has this key already. Nothing was stored.")
            self.desk.say(request, words % {"id": job.pk}, messages.WARNING)
        return job


class EnqueueForm(OptionsForm):
    """Inputs for arguments and options."""

    key = forms.CharField(
        required=False, max_length=255, label=gettext_lazy("Key"), help_text=gettext_lazy("No second job has it.")
    )
    max_attempts = forms.IntegerField(
        required=False, label=gettext_lazy("Most attempts"), help_text=gettext_lazy("Empty: as declared.")
    )
    option_names = (*OptionsForm.option_names, "key", "max_attempts")

    def __init__(self, arguments: list[Argument], data: Any) -> None:
        super().__init__(data)
        self.arguments = arguments
        for name, _parameter, field in arguments:
            self.fields[f"{PREFIX}{name}"] = field
        options = [self[name] for name in self.option_names]
        self.argument_fields = [self[f"{PREFIX}{name}"] for name, _parameter, _field in arguments]
        self.option_fields = options

    def given(self) -> dict[str, Any]:
        """Return the values of the arguments by name."""
        return {name: self.cleaned_data.get(f"{PREFIX}{name}") for name, _parameter, _field in self.arguments}


def target_of(found: Any) -> Any:
    """Return what is called with the arguments."""
    return found.function if isinstance(found, DeclaredFunction) else found


def parameters_of(found: Any) -> dict[str, Parameter]:
    """Return what a job takes; nothing if it does not say."""
    shape = found.shape if isinstance(found, DeclaredFunction) else Shape(found, found.__name__)
    return dict(shape.parameters or {})


def by_app(part: str = "") -> list[tuple[str, list[str]]]:
    """Return the names of jobs that can be stored, without former names, by the app that they stand in.

    Args:
        part: only those that have it in their names.
    """
    groups: dict[str, list[str]] = {}
    for path, found in sorted(known_jobs().items())[:MOST_NAMES]:
        if path == path_in(found) and part.lower() in path.lower():
            app = apps.get_containing_app_config(path)
            groups.setdefault(str(app.verbose_name) if app else path.partition(".")[0], []).append(path)
    return sorted(groups.items())
