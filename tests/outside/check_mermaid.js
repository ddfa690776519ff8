// Says, for each diagram on standard input, what Mermaid makes of it: its kind, how many states and arrows, its title.
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join, resolve } = require("node:path");
const { pathToFileURL } = require("node:url");

const there = createRequire(join(resolve(process.argv[2]), "here.js"));
const { JSDOM } = there("jsdom");
const page = new JSDOM("<!doctype html><body></body>");
globalThis.window = page.window; // Mermaid looks for a browser's window when it cleans what it is given
globalThis.document = page.window.document;

async function told(mermaid, text) {
  try {
    const { diagramType } = await mermaid.parse(text);
    const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
    return { kind: diagramType, title: db.getAccTitle(), states: db.getStates().size, arrows: db.getRelations().length };
  } catch (error) {
    return { error: String(error) };
  }
}

(async () => {
  const { default: mermaid } = await import(pathToFileURL(there.resolve("mermaid")).href);
  const answers = [];
  for (const text of JSON.parse(readFileSync(0, "utf8"))) answers.push(await told(mermaid, text));
  process.stdout.write(JSON.stringify(answers));
})();
