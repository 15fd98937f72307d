"""Mixed load with faults for as long as it is wanted, and what must hold at its end."""
