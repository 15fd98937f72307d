"""Load and faults, made from a seed: a fuzzer, stress scenarios and a soak.

Against real servers, over real sockets and a real Redis. What a run does is decided by its seed
alone, which is printed first; the same seed does the same again.
"""
