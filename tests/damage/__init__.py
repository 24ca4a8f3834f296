"""Files from outside, damaged by chance and on purpose: read rightly, or refused in a few readable lines."""
