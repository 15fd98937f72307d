"""A site with the pages, with and without DEBUG, for a browser."""
