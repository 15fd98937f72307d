"""What runs inside a peer's environment: its application, driven in the same process.

``python -m benchmarks.measure PEER TASK JSON`` prints one line of JSON with the figures.
"""
