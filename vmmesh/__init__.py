"""The operator's command line. It reads the stack's outputs and the live mesh, and changes both by Pulumi."""
