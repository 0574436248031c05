"""Page, live part and the two buttons."""

from __future__ import annotations

from django.urls import path

from demo_site.flaky import views

app_name = "flaky"
urlpatterns = [
    path("", views.index, name="index"),
    path("live/", views.index_live, name="index_live"),
    path("works-at-last/", views.works_at_last, name="works_at_last"),
    path("never-works/", views.never_works, name="never_works"),
]
