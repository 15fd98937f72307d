"""Typed, authenticated WebSocket APIs for Django Channels."""

__version__ = "0.1.0"
