"""batchgen: a YAML job file becomes finished videos, paid for once."""

__version__ = "0.1.0"
