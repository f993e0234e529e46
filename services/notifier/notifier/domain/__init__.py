"""The rules of notifier: pure functions of values."""
