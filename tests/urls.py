"""The pages for monitors, as a project includes them."""

from django.urls import include, path

urlpatterns = [path("jobqueue/", include("jobqueue.urls"))]
