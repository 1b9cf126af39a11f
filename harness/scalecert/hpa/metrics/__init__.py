"""How the HPA controller gets and averages metrics (pkg/controller/podautoscaler/metrics)."""
