"""Tests of the simulated callers and of their judge."""
