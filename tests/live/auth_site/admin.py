"""The admin of the accounts."""

from django.contrib import admin

from tests.live.auth_site.models import Account

admin.site.register(Account, list_display=["email", "is_active"])
