"""How any plan runs, whatever its backend: plans, steps, the runner and its sweeper."""
