"""Page, live part and the buttons."""

from __future__ import annotations

from django.urls import path

from demo_site.payments import views

app_name = "payments"
urlpatterns = [
    path("", views.index, name="index"),
    path("live/", views.index_live, name="index_live"),
    path("<int:pk>/card/", views.swap_card, name="swap_card"),
    path("let-time-pass/", views.let_time_pass, name="let_time_pass"),
]
