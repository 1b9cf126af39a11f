"""The labels of `vllm:cache_config_info`: one for each field of vLLM's CacheConfig.

From vllm/config/cache.py (config.py before 0.9) of 0.8.5, 0.10.2, 0.12.0, 0.24.0 and 0.33.0, and a
page of a 0.24.0 server. Where a field came or went between two of them, the later one is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping

from scalecert.engines.base import Limits
from scalecert.engines.versions import ALL_VERSIONS, Versions

_OFFLOADS = Versions(until="0.24.0")
_MAMBA = Versions(since="0.10.0")
_KV_OFFLOADS = Versions(since="0.12.0")
_SIZES = Versions(since="0.24.0")
_NEWEST = Versions(since="0.30.0")

_UNTOUCHED: tuple[tuple[str, str, Versions], ...] = (
    ("_block_size_resolved", "True", _SIZES),
    ("cache_dtype", "auto", ALL_VERSIONS),
    ("cache_hit_alignment_tokens", "None", _NEWEST),
    ("calculate_kv_scales", "False", Versions(until="0.30.0")),
    ("cpu_kvcache_space_bytes", "None", Versions(since="0.10.0", until="0.24.0")),
    ("cpu_offload_gb", "0", _OFFLOADS),
    ("effective_attention_block_size", "None", _NEWEST),
    ("enable_mamba_shared_prefix_checkpoint", "False", _NEWEST),
    ("engine", "0", Versions(since="0.9.0")),
    ("hash_block_size", "None", _SIZES),
    ("is_attention_free", "False", ALL_VERSIONS),
    ("kv_cache_dtype_skip_layers", "[]", _SIZES),
    ("kv_cache_layout", "None", _NEWEST),
    ("kv_cache_memory_bytes", "None", _MAMBA),
    ("kv_offloading_backend", "native", _KV_OFFLOADS),
    ("kv_offloading_size", "None", _KV_OFFLOADS),
    ("kv_sharing_fast_prefill", "False", _MAMBA),
    ("mamba_block_size", "None", _KV_OFFLOADS),
    ("mamba_cache_dtype", "auto", _MAMBA),
    ("mamba_cache_mode", "none", _SIZES),
    ("mamba_page_size_padded", "None", _MAMBA),
    ("mamba_ssm_cache_dtype", "auto", _MAMBA),
    ("num_cpu_blocks", "None", ALL_VERSIONS),
    ("prefix_cache_retention_interval", "0", _NEWEST),
    ("prefix_caching_hash_algo", "sha256", Versions(since="0.10.0")),
    ("prefix_caching_hash_algo", "builtin", Versions(until="0.10.0")),
    ("prefix_match_unit", "None", _NEWEST),
    ("replayssm_buffer_len", "16", _NEWEST),
    ("simple_cpu_offload_num_blocks", "None", _NEWEST),
    ("skip_page_size_padded", "None", _NEWEST),
    ("sliding_window", "None", ALL_VERSIONS),
    ("swa_bounded_replay", "True", _NEWEST),
    ("swap_space", "4", _OFFLOADS),
    ("use_kda_recoverssm", "False", _NEWEST),
    ("use_replayssm", "False", _NEWEST),
    ("user_specified_block_size", "False", _SIZES),
    ("user_specified_mamba_block_size", "False", Versions(since="0.24.0", until="0.30.0")),
)
"""Labels that no limit of a server changes here: name, value, versions that have them."""


def cache_config_labels(limits: Limits, version: str, *, blocks_given: bool) -> Mapping[str, str]:
    """Return the labels of a server's only sample.

    Args:
        limits: of the server.
        version: whose labels they are.
        blocks_given: whether the command line sets the number of blocks.
    """
    values = limits.values
    blocks, tokens = limits.integer("num_gpu_blocks"), limits.integer("kv_tokens")
    labels = {name: value for name, value, versions in _UNTOUCHED if version in versions}
    labels |= {
        "block_size": str(limits.integer("block_size")),
        "enable_prefix_caching": str(bool(values["enable_prefix_caching"])),
        "gpu_memory_utilization": str(values["gpu_memory_utilization"]),
        "num_gpu_blocks": str(blocks),
        "num_gpu_blocks_override": str(blocks if blocks_given else None),
    }
    if version in _SIZES:
        labels["kv_cache_size_tokens"] = str(tokens)
        labels["kv_cache_max_concurrency"] = str(tokens / limits.integer("max_model_len"))
    return labels
