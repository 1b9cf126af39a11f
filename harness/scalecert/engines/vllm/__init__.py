"""vLLM, V1 engine: scheduler, KV cache, metrics and flags as the real server has them."""
