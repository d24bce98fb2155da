"""Pictures of the topology: what is drawn, where it goes, and how it looks."""
