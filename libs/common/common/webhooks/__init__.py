"""Clover's webhooks: check, commit to the outbox, respond."""
