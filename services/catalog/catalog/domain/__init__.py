"""What catalog decides: how Clover's limits are divided, how a product looks there, what we can do for a region."""
