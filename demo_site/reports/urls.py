"""Page, live part, the two buttons and the file."""

from __future__ import annotations

from django.urls import path

from demo_site.reports import views

app_name = "reports"
urlpatterns = [
    path("", views.index, name="index"),
    path("live/", views.index_live, name="index_live"),
    path("build/", views.build, name="build"),
    path("build-now/", views.build_now, name="build_now"),
    path("<int:pk>.csv", views.download, name="download"),
]
