"""A load on several machines: Locust's master and workers, with messages of our own.

    worker                      master
    hello                ─►
                         ◄─     part: settings, its share of the requests, routes
    ready                ─►
                         ◄─►    ping, pong, a few times: how far the worker's clock is off
                         ◄─     begin: when, by the worker's clock
                         ◄─     routes, at every change
    records              ─►     at half-second intervals, into the master's log
    done                 ─►

The master is the process of a load that has its folder; to the world it looks like a generator
(`schedule`). Workers know nothing but where the master is, and do what a generator does, with
messages for the folder's files. What is said is not encrypted and nobody proves who they are:
Locust's own messages are not, either.
"""

from __future__ import annotations

HELLO = "scalecert-hello"
PART = "scalecert-part"
READY = "scalecert-ready"
PING = "scalecert-ping"
PONG = "scalecert-pong"
BEGIN = "scalecert-begin"
ROUTES = "scalecert-routes"
RECORDS = "scalecert-records"
DONE = "scalecert-done"
