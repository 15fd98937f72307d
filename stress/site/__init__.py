"""The site that the servers under stress run."""
