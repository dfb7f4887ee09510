"""Clients of others, as they come from their registries: the programs of docs/clients against a running app."""
