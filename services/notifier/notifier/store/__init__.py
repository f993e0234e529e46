"""Every SQL statement of notifier, by subject."""
