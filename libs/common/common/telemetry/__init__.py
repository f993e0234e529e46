"""Metrics, and the trace that follows a webhook through every service."""
