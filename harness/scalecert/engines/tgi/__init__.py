"""The Text Generation Inference (TGI) engine model, backend v3."""
