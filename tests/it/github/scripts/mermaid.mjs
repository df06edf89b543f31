// Parses every Mermaid block of the pages on standard input, a JSON list of
// Markdown texts, with the library that GitHub uses. Prints a JSON object:
// how many there were, and what was wrong with which.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const modules = process.argv[2];
const require = createRequire(join(modules, "x.js"));
const { JSDOM } = require("jsdom");
const { window } = new JSDOM("");
Object.assign(globalThis, { window, document: window.document });
const entry = join(modules, "mermaid/dist/mermaid.core.mjs");
const { default: mermaid } = await import(pathToFileURL(entry).href);

const pages = JSON.parse(readFileSync(0, "utf8"));
const result = { diagrams: 0, wrong: [], kinds: {} };
const seen = new Set();
for (const page of pages) {
  for (const [, diagram] of page.matchAll(/^```mermaid\n([^]*?)^```$/gm)) {
    result.diagrams += 1;
    if (seen.has(diagram)) continue;
    seen.add(diagram);
    try {
      const { diagramType } = await mermaid.parse(diagram);
      result.kinds[diagramType] = (result.kinds[diagramType] ?? 0) + 1;
    } catch (error) {
      result.wrong.push(`${error.message}\n${diagram}`);
    }
  }
}
console.log(JSON.stringify(result));
