"""What orders decides: what may be kept, what is sent next, when a write may be repeated, what adds up."""
