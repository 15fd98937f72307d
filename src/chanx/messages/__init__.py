"""The messages that travel over a socket: Pydantic models, and nothing but Pydantic."""
