"""chanx measured beside its peers. `make bench` runs all of it; docs/benchmarks.md tells about it.

peers      who is measured, and in which environment
apps/      one application per peer, all doing the same
cases/     what is measured, one small file each
measure/   what runs inside a peer's environment, against its application in the same process
live/      the server of a peer, and the client that puts load on it over TCP
report/    tables, charts, goals and the page in the docs
runner     runs the cases against the peers, in turn, each measurement in a fresh process

The runner and the report need nothing but Python; the rest runs where the peers are installed.
"""
