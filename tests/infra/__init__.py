"""Real parts for the tests: Valkey, PostgreSQL, the app with all its processes, a browser."""
