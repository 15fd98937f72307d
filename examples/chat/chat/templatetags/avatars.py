from django import template

register = template.Library()

HUES = 6


@register.filter
def hue(username: str) -> int:
    """Choose the colour of somebody's avatar. static/chat/timeline.js has the same formula."""
    total = 0
    for char in username:
        total = (total * 33 + ord(char)) % 65536
    return total % HUES


@register.filter
def initial(username: str) -> str:
    return username[:1].upper()
