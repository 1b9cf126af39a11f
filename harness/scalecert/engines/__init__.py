"""Engine models: what an inference server does with requests, and what its `/metrics` show."""
