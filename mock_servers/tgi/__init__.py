"""A mock of Text Generation Inference 3.3: its router's HTTP over the engine model of backend v3.

    app ─► generation, openai, tokenizing ─► body_reading ─► bodies, or RejectedBodyError
                    │
                    ├─► router.Router ─► serving.pacing     permits, validation, lengths, counts
                    └─► streaming ─► wires                  answer.Answer, timings

What the router answers, down to the text of its errors, was held against the real one: built from
the sources of 3.3.7, in front of a model server that makes up tokens (tests/mock_servers/tgi).
Where a body stops to fit is found by serde.
"""
