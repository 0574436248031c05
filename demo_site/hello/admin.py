"""Greetings in the admin."""

from django.contrib import admin

from demo_site.hello.models import Greeting

admin.site.register(Greeting)
