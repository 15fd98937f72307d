"""What the pages share: who may see them, and how one is made of the description."""
