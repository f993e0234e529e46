"""What the services say to one another: closed, versioned events and the list of problems."""
