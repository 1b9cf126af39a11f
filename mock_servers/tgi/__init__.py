"""A mock of Text Generation Inference 3.3: its router's HTTP over the engine model of backend v3.

What the router answers, down to the text of its errors, was held against the real one: built from
the sources of 3.3.7, in front of a model server that makes up tokens (tests/mock_servers/tgi).
"""
