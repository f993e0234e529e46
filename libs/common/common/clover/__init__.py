"""The HTTP client for Clover; each service builds its own calls on it."""
