"""The catalog service: Clover connections, grants of calls, products and their links to items."""
