"""Clover's webhooks: checked, committed to the outbox, answered."""
