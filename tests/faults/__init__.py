"""Faults of the disk and the machine: each ends in a clear message and the right code, and is got over."""
