// Makes of a Markdown text on standard input a page that looks about as GitHub
// shows a comment, with its diagrams drawn by Mermaid.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const modules = process.argv[2];
const require = createRequire(join(modules, "x.js"));
const { marked } = await import(pathToFileURL(join(modules, "marked/lib/marked.esm.js")).href);

const text = readFileSync(0, "utf8");
const html = marked.parse(text, { gfm: true }).replaceAll(
  /<pre><code class="language-mermaid">([^]*?)<\/code><\/pre>/g,
  (_, diagram) => `<pre class="mermaid">${diagram}</pre>`,
);
const library = pathToFileURL(require.resolve("mermaid/dist/mermaid.min.js")).href;
console.log(`<!doctype html><meta charset="utf-8"><style>
body { font: 16px/1.5 -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif, "Noto Color Emoji";
  color: #1f2328; max-width: 860px; margin: 24px auto; padding: 0 16px; border: 1px solid #d1d9e0; border-radius: 6px; }
h1, h2 { border-bottom: 1px solid #d1d9e0; padding-bottom: .3em; } h3 { font-size: 1.25em; }
table { border-collapse: collapse; display: block; overflow: auto; } th, td { border: 1px solid #d1d9e0; padding: 6px 13px; }
tr:nth-child(2n) { background: #f6f8fa; } a { color: #0969da; }
code { background: #818b981f; padding: .2em .4em; border-radius: 6px; font-size: 85%; }
blockquote { border-left: .25em solid #d1d9e0; color: #59636e; margin: 0; padding: 0 1em; }
pre.mermaid { background: none; } summary { cursor: pointer; } sub { font-size: 75%; }
</style>${html}
<script src="${library}"></script>
<script>
// The timeline needs a width, so what is folded is drawn before it is folded.
const folded = [...document.querySelectorAll("details")];
for (const one of folded) one.open = true;
mermaid.initialize({ startOnLoad: false });
mermaid.run();
</script>`);
