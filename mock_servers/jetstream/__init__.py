"""A mock of jetstream."""
