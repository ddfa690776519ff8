"""What must hold of definitions before they load; each rule has a stable id, a place, a sentence and what to do."""
