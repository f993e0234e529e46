"""The transport to Clover that each service cuts its own slice from."""
