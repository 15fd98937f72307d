"""The API described: all endpoints with their messages, read from the running application.

The document and the pages are made from it, and so cannot disagree.
"""

from chanx.description.hooks import documented

__all__ = ["documented"]
