// What tests call: as text, so that no number changes on the way.

import { SchemaForm } from "/chanx/playground/form.js";
import { findProblems } from "/chanx/playground/schema_check.js";
import { makeValidator, parseJson, writeJson } from "/chanx/playground/schema.js";
import { readData } from "/chanx/playground/schema_json.js";

const read = (text) => {
  const found = parseJson(text);
  if ("problem" in found) throw new Error(JSON.stringify(found.problem));
  return found.value;
};

window.api = {
  changes: 0,

  show(schemaText, text) {
    const schema = readData(schemaText);
    api.schema = schema;
    api.definitions = schema.$defs ?? {};
    const { definitions } = api;
    const onchange = () => {
      api.changes += 1;
      api.check();
    };
    api.form = new SchemaForm({ schema, definitions, value: read(text), onchange });
    document.getElementById("place").replaceChildren(api.form.element);
    api.check();
  },

  check() {
    const said = findProblems(api.form.value, api.schema, api.definitions);
    api.left = api.form.showProblems(said);
    return said;
  },

  // The JSON that a form makes of a value.
  pass(schema, text) {
    const definitions = schema.$defs ?? {};
    const form = new SchemaForm({ schema, definitions, value: null, onchange() {} });
    form.setValue(read(text));
    return { text: writeJson(form.value), problems: findProblems(form.value, schema, definitions), own: form.problems };
  },

  validate(name, definitions, text) {
    return makeValidator(name, definitions)(read(text));
  },

  find: (schema, text) => findProblems(read(text), schema, schema.$defs ?? {}),
  parse: (text) => parseJson(text),
  rewrite: (text, indent = 0) => writeJson(read(text), indent),
  text: () => writeJson(api.form.value),
};
document.documentElement.dataset.ready = "yes";
