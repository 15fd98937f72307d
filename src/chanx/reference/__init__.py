"""The reference: a page on which people read what each endpoint takes and sends."""
