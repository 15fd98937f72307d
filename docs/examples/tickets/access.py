from chanx import recheck_user
from django.contrib.auth.models import User

from .models import Ticket


def remove_assignee(ticket: Ticket, user: User) -> None:
    ticket.assignees.remove(user)
    recheck_user(user)
