from chanx import recheck_user
from django.contrib.auth.models import User
from django.db import transaction

from .models import Ticket


def remove_assignee(ticket: Ticket, user: User) -> None:
    ticket.assignees.remove(user)
    transaction.on_commit(lambda: recheck_user(user))
