"""``path("chanx/", include("chanx.asyncapi.urls"))``: the document as JSON and as YAML."""

from django.urls import path

from chanx.asyncapi.views import DocumentView

urlpatterns = [
    path("asyncapi.json", DocumentView.as_view(document_format="json"), name="asyncapi_json"),
    path("asyncapi.yaml", DocumentView.as_view(document_format="yaml"), name="asyncapi_yaml"),
]
