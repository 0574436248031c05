"""One line per scenario."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from demo_site.front.media import serve_made

urlpatterns = [
    path("", include("demo_site.front.urls")),
    path("hello/", include("demo_site.hello.urls")),
    path("videos/", include("demo_site.videos.urls")),
    path("reports/", include("demo_site.reports.urls")),
    path("payments/", include("demo_site.payments.urls")),
    path("flaky/", include("demo_site.flaky.urls")),
    path("media/<path:name>", serve_made),
    path("admin/", admin.site.urls),
    path("jobqueue/", include("jobqueue.urls")),
]
