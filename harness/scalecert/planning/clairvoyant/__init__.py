"""The clairvoyant minimum: the fewest replicas over time that hold the objective.

`search` finds it, `feasibility` says what may hold, `replay` and `playback` try it on the requests,
`schedule` is what is tried and what it costs.
"""
