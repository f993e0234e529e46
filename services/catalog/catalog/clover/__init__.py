"""The calls to Clover that catalog makes, and the fields of the responses that it reads."""
