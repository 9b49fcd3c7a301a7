"""People's data: everything that is known of one person, shown, handed over or forgotten."""
