"""The HTTP layer of every service: typed routes, validation, problems, OpenAPI, tokens, health, internal calls."""
