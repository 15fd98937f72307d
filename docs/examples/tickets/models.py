from django.contrib.auth.models import User
from django.db import models


class Ticket(models.Model):
    title = models.CharField(max_length=200)
    assignees = models.ManyToManyField(User)

    def __str__(self) -> str:
        return self.title

    @property
    def group_name(self) -> str:
        return f"ticket-{self.pk}"
