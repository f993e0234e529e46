"""The quicksync command runs the whole system on this machine."""
