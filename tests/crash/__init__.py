"""Crashes: batchgen killed at every step that makes something durable, and at random moments."""
