"""The contracts between services: versioned events with closed schemas, and the list of problems."""
