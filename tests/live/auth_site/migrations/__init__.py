"""Migrations of the site's models."""
