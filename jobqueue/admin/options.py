"""Inputs for a job's options: what may be said in a call, checked as it is there."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _

from jobqueue.conf import get_settings
from jobqueue.exceptions import OptionError
from jobqueue.insight.scene import Scene
from jobqueue.options import check_call, check_queue
from jobqueue.search.moments import moment_of
from jobqueue.sentences import translated


class OptionsForm(forms.Form):
    """Queue, priority and time; what is left empty is as it is, or as declared."""

    queue = forms.CharField(required=False, max_length=64, label=_("Queue"), help_text=_("Empty: as declared."))
    priority = forms.IntegerField(
        required=False, label=_("Priority"), help_text=_("Larger first. Empty: as declared.")
    )
    run_at = forms.CharField(
        required=False,
        max_length=40,
        label=_("Run it at"),
        help_text=_("As +30m, +2h, +7d, or a date: 2026-12-01T09:30, in your time zone. Empty: now."),
    )

    option_names: ClassVar[tuple[str, ...]] = ("queue", "priority", "run_at")

    def options(self) -> dict[str, Any]:
        """Return the options that were given."""
        found = ((name, self.cleaned_data.get(name)) for name in self.option_names)
        return {name: value for name, value in found if value not in {None, ""}}

    def clean_run_at(self) -> Any:
        """Return a time."""
        text = self.cleaned_data["run_at"].strip()
        if not text:
            return None
        try:
            return moment_of(text, Scene(get_settings()).now)
        except ValueError as error:
            raise forms.ValidationError(translated(error)) from None

    def clean(self) -> dict[str, Any]:
        """Check each option by the rule that a call has for it."""
        for name, value in self.options().items():
            try:
                check_call({name: value})
                if name == "queue":
                    check_queue(value)
            except OptionError as error:
                self.add_error(name, translated(error))
        return self.cleaned_data
