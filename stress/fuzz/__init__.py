"""Frames, valid, mutated and random, sent to a live consumer that must answer each of them."""
