"""Tests of when to ask."""
