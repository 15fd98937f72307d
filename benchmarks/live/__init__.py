"""A peer's server over TCP, and the client that puts load on it, in a process of its own."""
