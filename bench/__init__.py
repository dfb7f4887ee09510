"""The benchmark: the app in front of a mock upstream, as a ratio to the same mock called directly in the same run."""
