"""The durable, coalescing queue from which everything that waits on a network is run."""
