"""The live site, and consumers that get into situations in which the peers failed."""
