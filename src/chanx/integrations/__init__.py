"""The engine tied to its surroundings: channel layers, Django requests, URL routers, the database."""
