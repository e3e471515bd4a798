"""The page: Talecraft in a terminal. Everything it does is a use case of `studio`."""
