"""The engine that the four services share."""
