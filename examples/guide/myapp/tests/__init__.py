"""The guide's test case, for `manage.py test` and for `pytest`."""
