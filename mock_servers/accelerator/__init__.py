"""A mock of accelerator."""
