-- The circuit breaker and the rate limiter say how long a merchant cools down.
ALTER TABLE due_merchant DROP COLUMN failures;
