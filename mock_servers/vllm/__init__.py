"""A mock of vLLM's OpenAI-compatible server.

    app ─► generation ─► completion_request, chat_request ─► asked.Asked
                    │                            (sampling)       │
                    │                                        admission ─► answer.Answer
                    ├─► ledger.Ledger ─► serving.pacing           │
                    └─► completion_wire, chat_wire ◄──────────────┘
                          (wire, logprobs)

Beside that: tokenizing, and metrics_page over what the engine, ledger and http_metrics count.
"""

VERSION = "0.33.0"
"""Whose API this is: its request models, answers and errors were read from that wheel."""
