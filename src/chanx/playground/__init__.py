"""The playground: a page on which people connect to endpoints and send messages."""
