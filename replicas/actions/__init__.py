"""One file for each human decision: authorise, guard, write, audit, enqueue on commit."""
