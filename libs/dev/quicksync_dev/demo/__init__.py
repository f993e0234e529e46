"""The FAQ, played as a story on the running system."""
