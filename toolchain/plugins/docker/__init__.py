"""Stand-in for pulumi-docker: ``Container`` and ``Network``, with the properties that a lab needs."""
