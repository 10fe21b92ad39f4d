"""How calls get in and out of Kav."""

__version__ = "0.1.0"
