"""Videos in the admin."""

from django.contrib import admin

from demo_site.videos.models import Video

admin.site.register(Video)
