"""Accounts and payments in the admin."""

from django.contrib import admin

from demo_site.payments.models import Account, Payment

admin.site.register([Account, Payment])
