"""Metrics and the trace that follows one webhook through every service."""
