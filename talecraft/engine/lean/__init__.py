"""A token's step on a CPU in as few operations as it takes, beside transformers' own forward."""
