"""From texts to the bundled storyteller: see README.md."""
