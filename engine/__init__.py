"""How a routine runs: a pure core (decide, evolve, guide) and the thin shell around it."""
