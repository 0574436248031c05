"""Reports in the admin."""

from django.contrib import admin

from demo_site.reports.models import Report

admin.site.register(Report)
