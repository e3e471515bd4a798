"""The process that learns: taste head, PPO, gate. Torch lives here; nothing else imports it."""
