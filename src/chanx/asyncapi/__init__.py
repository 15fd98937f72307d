"""The API described: one description of all endpoints, and the AsyncAPI document made from it."""

from chanx.asyncapi.hooks import documented

__all__ = ["documented"]
