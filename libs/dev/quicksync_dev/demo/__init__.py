"""The FAQ as a story on the running system."""
