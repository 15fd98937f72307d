from typing import Any


def add_contact(document: dict[str, Any]) -> None:
    document["info"]["contact"] = {"name": "The help desk", "email": "desk@example.com"}
