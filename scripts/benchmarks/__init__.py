"""Benchmarks: the project's budgets, measured beside the floor and the peers.

`scripts/bench` is the way in; `docs/benchmarks.md` says what each row means.
Only the standard library is needed here, since some of these modules also run
in the peers' environments.
"""
