"""A whole Django site with users of its own kind, and a consumer for each way in."""
