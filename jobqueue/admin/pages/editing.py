"""Edit a job that waits, or has failed or was cancelled: arguments, queue, priority, time; never what it performs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jobqueue.admin.inputs import LONGEST, PREFIX, JSONInput
from jobqueue.admin.logbook import log_change, together
from jobqueue.admin.looks import look_of
from jobqueue.admin.options import OptionsForm
from jobqueue.admin.page import Route
from jobqueue.admin.pages.acts import Desk
from jobqueue.editing import edit, seen
from jobqueue.exceptions import CorruptHandler, JobQueueError, JobStateError, UnknownPerformable
from jobqueue.handlers.edited import RECEIVER, StoredArgument, is_editable, parameters_of, stored_arguments
from jobqueue.handlers.masking import HIDDEN
from jobqueue.handlers.plain import plain
from jobqueue.handlers.scalars import TAGGED
from jobqueue.models import Job
from jobqueue.sentences import translated
from jobqueue.states import State
from jobqueue.stores.acts import ORIGINS, Act
from jobqueue.stores.edits import EDITABLE

if TYPE_CHECKING:
    from jobqueue.admin.page import Page

#: Longer ones are neither shown nor edited, characters.
LONGEST_SHOWN = 20_000
#: Types that are one text, and typed as that.
AS_TEXT = {tag: from_json for tag, _to, from_json in TAGGED.values() if tag not in {"bytes", "timedelta"}}


class Fixed(NamedTuple):
    """An argument that cannot be typed: what is shown of it, and why."""

    name: str
    text: str
    why: str


class EditPage:
    """The form.

    Args:
        page: of the jobs, to which it belongs.
    """

    def __init__(self, page: Page) -> None:
        self.desk = Desk(page)

    def routes(self) -> Iterator[Route]:
        """Yield the address. It shows arguments, and so takes the right to see them, too."""
        yield Route("<int:job_id>/edit/", "edit", self.edit, "change_job", acts=True, also="view_job_payload")

    def edit(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Show the form; write what is sent."""
        job = self.desk.find(request, job_id)
        if isinstance(job, HttpResponse):
            return job
        refusal = why_not(job)
        if refusal:
            self.desk.say(request, refusal, messages.WARNING)
            return self.desk.back_to(request, job_id)
        try:
            form = EditForm(job, request.POST if request.method == "POST" else None)
        except (CorruptHandler, UnknownPerformable) as error:
            words = _("Job #%(id)s cannot be edited: %(error)s") % {"id": job_id, "error": translated(error)}
            self.desk.say(request, words, messages.ERROR)
            return self.desk.back_to(request, job_id)
        if request.method == "POST" and form.is_valid() and self._write(request, job, form):
            return self.desk.back_to(request, job_id)
        return self._show(request, job, form)

    def _show(self, request: HttpRequest, job: Job, form: EditForm) -> HttpResponse:
        is_again = job.state in ORIGINS[Act.RETRY]
        context = {
            "job": job,
            "form": form,
            "button": _("Save and retry") if is_again else _("Save"),
            "is_again": is_again,
            "back": self.desk.url_of(request, job.pk),
        }
        title = _("Edit and retry this job") if is_again else _("Edit this job")
        crumbs = self.desk.crumbs(request, job, _("Edit"))
        return self.desk.page.show(request, "jobqueue/admin/edit.html", context, title=title, crumbs=crumbs)

    def _write(self, request: HttpRequest, job: Job, form: EditForm) -> bool:
        """Write it; False if the form must be shown again, which says why."""
        if form.cleaned_data["seen"] != fingerprint(job):
            words = _("Job #%(id)s has changed since that page was shown. Nothing was written.")
            self.desk.say(request, words % {"id": job.pk}, messages.WARNING)
            return True
        changes, options = form.changes(), form.options()
        is_again = job.state in ORIGINS[Act.RETRY]
        if not (changes or options or is_again):
            self.desk.say(request, _("Nothing was changed."), messages.WARNING)
            return True
        try:
            with together(self.desk.page.scene.alias):
                edit(job, changes, **options)
                log_change(request, job, _log(job, changes, options))
        except JobStateError as error:
            self.desk.say(request, translated(error), messages.WARNING)
            return True
        except (JobQueueError, TypeError, ValueError, DatabaseError) as error:
            form.add_error(None, translated(error))
            return False
        words = _("Job #%(id)s was saved, and is ready again.") if is_again else _("Job #%(id)s was saved.")
        self.desk.say(request, words % {"id": job.pk})
        return True


class EditForm(OptionsForm):
    """Inputs for those arguments that can be typed, and for options."""

    seen = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def __init__(self, job: Job, data: Any) -> None:
        initial = {"seen": fingerprint(job), "queue": job.queue, "priority": job.priority}
        super().__init__(data, initial=initial)
        self.job = job
        self.fixed: list[Fixed] = []
        self.inputs: dict[str, StoredArgument | None] = {}
        self._add_arguments()
        self._describe()

    def _add_arguments(self) -> None:
        for argument in stored_arguments(self.job):
            fixed = fixed_of(argument)
            if fixed is not None:
                self.fixed.append(fixed)
                continue
            self.inputs[argument.name] = argument
            self.fields[f"{PREFIX}{argument.name}"] = input_of(argument)
        for name in parameters_of(self.job):
            self.inputs[name] = None
            self.fields[f"{PREFIX}{name}"] = JSONInput(
                label=name, required=False, max_length=LONGEST, help_text=_("Not given. In JSON, if it is to be.")
            )

    def _describe(self) -> None:
        waits = self.job.state not in ORIGINS[Act.RETRY]
        self.fields["queue"].help_text = self.fields["priority"].help_text = ""
        self.fields["queue"].required = self.fields["priority"].required = True
        self.fields["run_at"].help_text = (
            _("As +30m, +2h, +7d, or a date: 2026-12-01T09:30, in your time zone. Empty: as it is.")
            if waits
            else _("As +30m, +2h, +7d, or a date: 2026-12-01T09:30, in your time zone. Empty: at once.")
        )
        self.argument_fields = [self[f"{PREFIX}{name}"] for name in self.inputs]
        self.option_fields = [self[name] for name in self.option_names]

    def changes(self) -> dict[str, Any]:
        """Return the arguments that were given another value."""
        values = {name: self.cleaned_data.get(f"{PREFIX}{name}") for name in self.inputs}
        return {name: value[0] for name, value in values.items() if value is not None}

    def options(self) -> dict[str, Any]:
        """Return the options that are others now."""
        as_it_is = {"queue": self.job.queue, "priority": self.job.priority}
        return {name: value for name, value in super().options().items() if as_it_is.get(name) != value}


class StoredInput(JSONInput):
    """A stored value in JSON, or as the text of a date or number; what is left as it was is not a change."""

    def __init__(self, argument: StoredArgument, **kwargs: Any) -> None:
        self.argument = argument
        self.text = "" if argument.is_sensitive else text_of(argument)
        super().__init__(initial=self.text, label=argument.name, max_length=LONGEST, **kwargs)
        if isinstance(self.widget, forms.Textarea):
            self.widget.attrs["rows"] = min(16, 1 + self.text.count("\n"))

    def to_python(self, value: Any) -> Any:
        """Return the value in a list; nothing if it is as it was."""
        text = str(value or "").replace("\r\n", "\n")
        if text.strip() == self.text.strip():
            return None
        if not text.strip():
            raise ValidationError(_("A value is needed. Nothing is null."))
        parse = None if self.argument.is_sensitive else AS_TEXT.get(_tag(self.argument.data))
        if parse is None:
            return super().to_python(text)
        try:
            return [_as_before(parse(text.strip()), parse(self.text))]
        except (ValueError, TypeError, ArithmeticError):
            raise ValidationError(_("It must look as before: %(text)s"), params={"text": self.text}) from None


def why_not(job: Job) -> str:
    """Return why a job cannot be edited; nothing if it can."""
    names = {"id": job.pk, "state": look_of(job).label}
    if not is_editable(job):
        return _("Job #%(id)s is one of jobqueue's own, which are not edited.") % names
    if job.state not in EDITABLE:
        return _("Job #%(id)s is %(state)s; only jobs that wait, failed or were cancelled can be edited.") % names
    return ""


def fixed_of(argument: StoredArgument) -> Fixed | None:
    """Return an argument as one that cannot be typed; None if it can."""
    if argument.is_sensitive:
        return None
    shown = json.dumps(plain(argument.data), ensure_ascii=False, indent=1, default=str)
    if len(shown) > LONGEST_SHOWN:
        return Fixed(argument.name, "", _("It is too long to be edited here, and stays as it is."))
    if argument.name != RECEIVER and (argument.is_plain or _tag(argument.data) in AS_TEXT):
        return None
    return Fixed(argument.name, shown, _("It is of a type that JSON lacks, and stays as it is."))


def input_of(argument: StoredArgument) -> forms.Field:
    """Return what an argument is typed into."""
    if argument.is_sensitive:
        words = gettext_lazy("It is hidden (%(hidden)s). Empty: as it is. Another value: in JSON.")
        return StoredInput(argument, required=False, help_text=words % {"hidden": HIDDEN})
    if argument.is_plain:
        return StoredInput(argument, required=False, help_text=_("In JSON; text goes in double quotes."))
    return StoredInput(argument, required=False, widget=forms.TextInput, help_text=_tag(argument.data))


def text_of(argument: StoredArgument) -> str:
    """Return an argument as it is typed."""
    if argument.is_plain:
        return json.dumps(argument.data, ensure_ascii=False, indent=1)
    value = argument.data["v"]
    return str(value[0] if isinstance(value, list) else value)


def fingerprint(job: Job) -> str:
    """Return what tells a row from the same one after a change."""
    return blake2b(repr(tuple(seen(job))).encode(), digest_size=16).hexdigest()


def _tag(data: Any) -> str:
    return str(data.get("$", "")) if isinstance(data, dict) else ""


def _as_before(value: Any, stored: Any) -> Any:
    """Return a value; raise ValueError if it has no time zone although the stored one has, or has one that lacks it."""
    if (getattr(value, "tzinfo", None) is None) != (getattr(stored, "tzinfo", None) is None):
        raise ValueError
    return value


def _log(job: Job, changes: dict[str, Any], options: dict[str, Any]) -> str:
    """Return what the log says: values of options, but of arguments the names alone."""
    words = [f"{name}: {getattr(job, name)} \N{RIGHTWARDS ARROW} {value}" for name, value in options.items()]
    if changes:
        words.append(f"arguments: {', '.join(changes)}")
    if job.state in ORIGINS[Act.RETRY]:
        words.append(f"{State(job.state).label} \N{RIGHTWARDS ARROW} ready")
    return f"edit: {'; '.join(words)}"
