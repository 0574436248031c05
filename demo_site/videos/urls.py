"""Upload form, one video, and the library with its two buttons."""

from __future__ import annotations

from django.urls import path

from demo_site.videos import views

app_name = "videos"
urlpatterns = [
    path("", views.index, name="index"),
    path("live/", views.index_live, name="index_live"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/live/", views.detail_live, name="detail_live"),
    path("library/", views.library, name="library"),
    path("library/live/", views.library_live, name="library_live"),
    path("library/samples/", views.add_samples, name="add_samples"),
    path("library/encode/", views.encode_all, name="encode_all"),
]
