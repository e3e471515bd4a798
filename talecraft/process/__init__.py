"""The wire between the program and its children: typed messages as JSON lines."""
