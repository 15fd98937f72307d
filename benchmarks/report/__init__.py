"""What people see of the results: tables, charts, goals, the page in the docs."""
