"""A service in trouble, and one that is hostile."""
