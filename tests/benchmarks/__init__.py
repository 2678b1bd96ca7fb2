"""Benchmarks: each figure is a ratio against a baseline, or stands beside a limit, taken in the same run."""
