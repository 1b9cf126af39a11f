"""Words that manifests of inference servers are made of: flags, variables' values, metrics.

What stands in a field is replaced by another word of its kind, of the same engine or not.
"""

from __future__ import annotations

import re

FLAGS = (
    "--max-model-len=1", "--max-num-seqs=0", "--block-size=0", "--tensor-parallel-size=4",
    "--max-total-tokens=1", "--max-total-tokens=2", "--max-total-tokens=999999999",
    "--max-input-tokens=0", "--max-input-length=4095", "--max-batch-prefill-tokens=1",
    "--max-batch-prefill-tokens=1000000", "--max-batch-size=1", "--max-concurrent-requests=1",
    "--max-waiting-tokens=0", "--waiting-served-ratio=nan", "--waiting-served-ratio=1e300",
    "--num-shard=0", "--num-shard=3", "--cuda-graphs=0", "--cuda-graphs=1,x",
    "--cuda-memory-fraction=0", "--cuda-memory-fraction=0.01", "--quantize=awq", "--quantize",
    "--graceful-termination-timeout=-1", "-p", "--port=0", "--port=x", "--model-id=$(MODEL_ID)",
    "--model-id=", "--model-id=/data", "--prometheus-port=9100", "--batch_size=0",
    "--batch_size=100000", "--max_cache_length=1", "--size=7b", "--quantize_weights=true",
    "per_device_batch_size=0", "per_device_batch_size=0.001", "per_device_batch_size=1e9",
    "per_device_batch_size=nan", "max_prefill_predict_length=1000", "max_prefill_predict_length=16",
    "max_target_length=0", "max_target_length=1000000000", "prometheus_port=0", "prometheus_port=",
    "prometheus_port=99999999", "ici_tensor_parallelism=0", "ici_tensor_parallelism=-1",
    "ici_fsdp_parallelism=64", "quantization=int8", "model_name=", "model_name=llama2-7b",
    "model_name=llama2-70b", "text-generation-launcher", "=", "--", "--=", "a=b=c",
)  # fmt: skip

METRICS = (
    "kubernetes.io|container|accelerator|duty_cycle",
    "kubernetes.io|container|accelerator|memory_used",
    "kubernetes.io|container|accelerator|tensorcore_utilization",
    "kubernetes.io|node|accelerator|duty_cycle",
    "kubernetes.io|container|accelerator|Duty_Cycle",
    "kubernetes.io|container|accelerator|duty_cycle|gauge",
    "prometheus.googleapis.com|memory_used|gauge",
    "prometheus.googleapis.com|dcgm_fi_dev_gpu_util|unknown",
    "prometheus.googleapis.com|DCGM_FI_DEV_GPU_UTIL|gauge",
    "prometheus.googleapis.com|DCGM_FI_PROF_SM_ACTIVE|gauge",
    "prometheus.googleapis.com|dcgm_fi_dev_fb_used|UNKNOWN",
    "prometheus.googleapis.com|tgi_queue_size|gauge",
    "prometheus.googleapis.com|tgi_batch_size|gauge",
    "prometheus.googleapis.com|tgi_request_count|counter",
    "prometheus.googleapis.com|tgi_request_queue_duration|histogram",
    "prometheus.googleapis.com|jetstream_prefill_backlog_size|gauge",
    "prometheus.googleapis.com|jetstream_slots_used_percentage|gauge",
    "prometheus.googleapis.com|jetstream_generate_backlog_size|gauge",
    "prometheus.googleapis.com|vllm:num_requests_waiting|gauge",
    "prometheus.googleapis.com|vllm:num_requests_waiting", "prometheus.googleapis.com||",
    "prometheus.googleapis.com|", "tgi_queue_size", "dcgm_fi_dev_gpu_util", "duty_cycle",
)  # fmt: skip

RELABELLED = (
    "DCGM_FI_DEV_GPU_UTIL", "DCGM_(.*)", "(.*)", "", "$1", "dcgm_fi_dev_gpu_util", "up", "((a",
    "dcgm_${1}", "__name__", "exported_namespace",
)  # fmt: skip

WORDS_ALIKE = (
    (re.compile(r"-{1,2}[a-z][\w-]*(=.*)?|[a-z]\w*=.*"), FLAGS),
    (re.compile(r"[\w./:]+\|.*|\w+_(size|used|percentage|waiting|running)"), METRICS),
    (re.compile(r"DCGM_\w+|dcgm_\w+|__name__"), RELABELLED),
)
"""What a text looks like, and other texts of its kind."""
