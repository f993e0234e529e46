"""The gateway: nginx in front of the services. docker compose uses the same `routes.conf`."""
