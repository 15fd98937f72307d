"""The app whose code the guide prints."""
