"""Whole runs as real processes against the simulated service."""
