"""The REST API of Clover, one module per family of resources."""
