"""The site that the servers of these tests run: consumers that count what happens to them."""
