"""The rules of notifier: when a problem opens and is solved, which e-mail is wanted, and how everything reads."""
