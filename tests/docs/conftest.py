"""Keeps the tests of the documentation's site out of this run: it has settings of its own."""

collect_ignore = ["site"]
