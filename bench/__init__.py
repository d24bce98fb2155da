"""The project's benchmarks, each beside what a user would do instead."""
