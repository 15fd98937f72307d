"""What chanx adds to ``manage.py``."""
