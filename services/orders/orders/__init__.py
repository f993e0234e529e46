"""Orders into Clover: exactly once, or visibly waiting."""
