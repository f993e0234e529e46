"""The control API below /_sandbox, for tests and people."""
