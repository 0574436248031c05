"""The pages for monitors and the admin, as a project includes them."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("jobqueue/", include("jobqueue.urls")), path("admin/", admin.site.urls)]
