"""Page and live part."""

from __future__ import annotations

from django.urls import path

from demo_site.hello import views

app_name = "hello"
urlpatterns = [
    path("", views.index, name="index"),
    path("live/", views.index_live, name="index_live"),
]
