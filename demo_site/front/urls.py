"""The front page and its live part."""

from __future__ import annotations

from django.urls import path

from demo_site.front import views

app_name = "front"
urlpatterns = [
    path("", views.index, name="index"),
    path("live/", views.index_live, name="index_live"),
]
