"""The site whose consumers use a database, SQLite's or a PostgreSQL."""
