"""The point of sale: actions of people at the counter that no REST call offers."""
