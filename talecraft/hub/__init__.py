"""The one room that reaches a hub of models, in a child of its own: see ARCHITECTURE.md."""
