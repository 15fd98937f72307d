"""The AsyncAPI document, made from the description of all endpoints."""
