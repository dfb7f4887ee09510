"""The offline demo: a rule-based model and an invoice API, served over real HTTP on a loopback port of their own.

Nothing here imports Django or the rest of the app, so that the demo starts at once, stays small, and can be reached
only in the way that any upstream is reached. `seed` is the exception: it runs inside the app and fills the demo
workspace.
"""
