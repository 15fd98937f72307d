"""Structured logs for those that write them: JSON lines into a file, or nothing at all.

This is the configuration that structlog's page on performance recommends.
"""

import logging
from pathlib import Path

import orjson
import structlog


def configure(options):
    """Configure structlog; logging that is off is off at the level, too."""
    if not options.logs:
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL),
            cache_logger_on_first_use=True,
        )
        return
    file = Path(options.folder, "log.jsonl").open("ab")  # noqa: SIM115  # open to the end
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(file),
        cache_logger_on_first_use=True,
    )
