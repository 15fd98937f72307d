"""Real servers in processes of their own, real clients, and a real Redis."""
