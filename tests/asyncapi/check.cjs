// node check.cjs FOLDER FILE...: prints, for each file, a JSON array of what the official parser has
// to say of it, in a line of its own. FOLDER is where scripts/node-tools has put the parser.
"use strict";

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");

const [folder, ...files] = process.argv.slice(2);
const { Parser } = createRequire(join(folder, "package.json"))("@asyncapi/parser");

async function main() {
  for (const file of files) {
    const { document, diagnostics } = await new Parser().parse(readFileSync(file, "utf8"));
    const found = diagnostics.map(({ severity, code, path, message }) => ({
      severity: ["error", "warning", "information", "hint"][severity],
      code,
      path: path.join("."),
      message,
    }));
    if (!document && !found.length) found.push({ severity: "error", code: "none", path: "", message: "no document" });
    console.log(JSON.stringify(found));
  }
}

main();
