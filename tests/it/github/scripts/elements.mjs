// What a browser makes of the Markdown texts on standard input, a JSON list: a
// list of objects with the kinds of elements, the targets of links, and the text
// outside of code.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const modules = process.argv[2];
const require = createRequire(join(modules, "x.js"));
const { JSDOM } = require("jsdom");
const { marked } = await import(pathToFileURL(join(modules, "marked/lib/marked.esm.js")).href);

function look(text) {
  const html = marked.parse(text, { gfm: true });
  const { document } = new JSDOM(`<body>${html}</body>`).window;
  const all = [...document.body.querySelectorAll("*")];
  const comments = document.createNodeIterator(document.body, 128);
  let hidden = 0;
  while (comments.nextNode()) hidden += 1;
  const folded = document.querySelectorAll("body > details").length;
  for (const code of document.querySelectorAll("code, pre")) code.remove();
  return {
    kinds: [...new Set(all.map((one) => one.tagName.toLowerCase()))].sort(),
    links: all.filter((one) => one.tagName === "A").map((one) => one.getAttribute("href")),
    folded,
    loose: document.body.textContent,
    hidden,
  };
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(look)));
