"""A local Clover: behaves as Clover does, and knows the truth."""
