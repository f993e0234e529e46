"""PostgreSQL and RabbitMQ for `quicksync up` and the tests: external, in Docker, or private instances."""
