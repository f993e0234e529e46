"""The point of sale: what people do at the counter, which no REST call can do."""
