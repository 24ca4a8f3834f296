"""All tests. Without this file the folder `statistics` would stand in for the module of that name."""
