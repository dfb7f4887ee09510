"""Upstreams: where the model comes from. The only room that imports `openai`."""
