"""Runs the load generator against this module and others, side by side."""
