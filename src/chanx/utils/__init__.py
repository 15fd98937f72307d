"""Helpers for users of chanx."""
