"""The engine the four services share: what they have in common stands here once."""
