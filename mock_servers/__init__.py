"""Mock servers: the engine models on the wall clock, behind the real servers' own interfaces.

Each folder but `serving` is one server, started by `scalecert mock NAME` or, from a checkout, by
`python -m mock_servers.NAME`.
"""
