"""The machine: codec, connection, hub and broker. Knows nothing of Django, Channels or DRF."""
