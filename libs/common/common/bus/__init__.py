"""RabbitMQ: topology, publishing with confirms, consuming in batches, dead letters."""
