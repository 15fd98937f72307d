"""The engine tied to its surroundings: layers, requests, URL routers, the database."""
