"""Models that are watched while they run: who made which tensor, who read it, and where its channels went."""
