"""The code of the guide, a module for each section; between the marks it stands as printed.

What is outside the marks is what a section leaves out: imports, a class around loose methods, a
schema, a handler.
"""
