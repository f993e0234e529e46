"""The local Clover, tried with a client that nobody here wrote."""
