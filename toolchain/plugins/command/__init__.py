"""Stand-in for pulumi-command: ``command:local:Command`` and ``command:local:run``."""
