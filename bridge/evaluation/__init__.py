"""Simulated callers, by text: what they want, how they talk, and whether they got it."""
