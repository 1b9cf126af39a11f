"""A mock of tgi."""
