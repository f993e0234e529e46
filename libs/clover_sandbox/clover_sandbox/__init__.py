"""A local Clover: it behaves like Clover's REST API v3 and exposes its ground truth to tests."""
