"""A mock of JetStream: its gRPC server, its HTTP server, and the one that GKE puts in front."""
