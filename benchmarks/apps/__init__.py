"""One application per peer, written as its documentation tells users to.

Each module has ``make_app(options)``. It runs in the peer's own environment, so these modules are
not type-checked with the rest. Peers that validate do so; those that leave it to their users, such
as Channels, are spared it, which is in their favour.
"""
