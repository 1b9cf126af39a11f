"""What all mock servers share: an engine on the wall clock, HTTP around it, and the process.

The command line    command, options, node_options; output
The engine          backend (one engine, and what is known of it), pacing, streams
HTTP                http (requests and answers), following (tokens to clients), fastapi,
                    pydantic_fields; services (ports), connections, limits, books
Text and metrics    tokenizer; python_metrics, python_process
The process         process, loading, ending; healthcheck, which the image runs
Faults              faults_service (their port), faults, faulty_app, failures
The node            activity: what the accelerators' exporters are told
"""
