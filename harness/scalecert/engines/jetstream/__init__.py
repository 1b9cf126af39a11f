"""JetStream: pipeline, metrics and arguments as MaxText's and PyTorch's servers on TPUs have."""
