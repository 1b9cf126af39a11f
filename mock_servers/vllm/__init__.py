"""A mock of vLLM's OpenAI-compatible server."""
