"""PostgreSQL and RabbitMQ for `quicksync up` and for the tests: given, from Docker, or private instances."""
