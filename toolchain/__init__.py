"""Gets every tool and image: from PATH, as an official release, or built from package registries."""
