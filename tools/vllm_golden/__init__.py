"""vLLM's API server, its own code, with a stand-in for the engine: see tools/golden_vllm_api.py."""
