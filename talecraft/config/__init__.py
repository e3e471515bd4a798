"""models.toml and config.toml, read strictly: what is not understood is an error with its line."""
