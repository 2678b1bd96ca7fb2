"""The gallery page: its data, its bytes, and how it works in a real browser."""
