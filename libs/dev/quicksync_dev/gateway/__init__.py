"""The gateway: nginx in front of the services. `routes.conf` is what docker compose uses too."""
