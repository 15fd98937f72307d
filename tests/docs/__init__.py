"""The documentation: that its examples run and that what it says of the code is so."""
