"""Clips that are taken from other folders, and folders that are joined."""
