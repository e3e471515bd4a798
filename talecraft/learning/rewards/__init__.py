"""What a sampled passage is worth: the learned taste, and small shaped parts beside it."""
