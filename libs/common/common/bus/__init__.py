"""RabbitMQ: topology, publishing with confirms, consuming in batches, parked messages."""
