"""The process that writes: one model, warm, with its adapter and its cache. Torch lives here."""
