"""The quicksync command: the whole system on this machine."""
