"""The HTTP kit: typed routes, one way to parse, one shape of error, OpenAPI, tokens, health."""
