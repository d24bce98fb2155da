"""How each tool and image is got, by subject."""
