"""Models and adapters as files: read a tensor at a time, written as llama.cpp has them."""
