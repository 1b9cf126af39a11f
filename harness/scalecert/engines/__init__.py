"""Engine models: what an inference server does with requests, and what its `/metrics` show.

`vllm/`, `tgi/` and `jetstream/` are the engines, each with its `kind` as the way in and its
`engine` as the model. `registry` alone names them, and the rest of ScaleCert knows of them what
`base` says: the contract. `request_log` is what a server writes its results into.

Engines are built of these, which know no engine:

    requests    frontend (arrivals) -> decoding (many steps at once) -> history (finished ones)
    metrics     metric_families (what there is), tally (a histogram), versions
    manifests   flags (command lines), images (which engine, which version)

A step takes what an engine profile says:

    profiles    the document, its ranges (profile_ranges) and its step costs (costs)
    accelerator_count  whether a server splits its model as the profile does
    roofline    an estimated profile, of an accelerator and a model in catalogues (catalog);
                model_config reads a model's own `config.json`
"""

from __future__ import annotations
