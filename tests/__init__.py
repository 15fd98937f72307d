"""The tests of chanx; they mirror the rooms of src/chanx."""
