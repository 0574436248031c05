"""The upload form."""

from __future__ import annotations

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import File

from demo_site.videos.models import Video

MEGABYTE = 1024 * 1024
LARGEST = 50 * MEGABYTE


class VideoForm(forms.ModelForm):  # type: ignore[type-arg] # no subscript at run time
    """Title, file and kind of account."""

    class Meta:
        model = Video
        fields = ["title", "original", "account"]
        widgets = {
            "original": forms.FileInput(attrs={"accept": "video/*"}),
            "account": forms.RadioSelect,
        }
        help_texts = {"original": "At most 50 MB. A file that is no video shows how a job fails."}

    def clean_original(self) -> File[bytes]:
        """Refuse what is too large; Django itself refuses what is empty."""
        file: File[bytes] = self.cleaned_data["original"]
        if file.size > LARGEST:
            raise ValidationError(f"This file has {file.size / MEGABYTE:.0f} MB. At most 50 MB are taken.")
        return file
