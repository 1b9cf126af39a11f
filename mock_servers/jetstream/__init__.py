"""A mock of JetStream: its gRPC server, its HTTP server, and the one that GKE puts in front.

    grpc_service (wire) ─┐
    http_entry ──────────┼─► orchestrator.Orchestrator ─► serving.pacing
    sidecar ─────────────┘      answers.Answer

What the two HTTP servers have in common is in `http`; metrics_page is a port of its own.
"""
